import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isAcceptablePassword } from './password-policy.ts';

/**
 * A new secret of a robot: 43 random letters and digits (256 bits), so that no shell, URL or file of variables
 * needs to quote it, with the upper case letter, lower case letter and digit that Harbor's clients insist on.
 */
export function generateRobotSecret(): string {
  for (;;) {
    const secret = randomBytes(48).toString('base64').replace(/[+/]/g, '').slice(0, 43);
    if (secret.length === 43 && isAcceptablePassword(secret)) return secret;
  }
}

/** What the database keeps of a random secret. One hash is enough: there are 2^256 to try, not a dictionary. */
export function hashRobotSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Whether `secret` is the one that one of `stored` was made of; each is compared in constant time. */
export function matchesRobotSecret(secret: string, stored: readonly Uint8Array[]): boolean {
  const given = hashRobotSecret(secret);
  return stored.map((hash) => hash.length === given.length && timingSafeEqual(hash, given)).includes(true);
}
