import { signBytes, type SigningKey } from './signing-key.ts';
import type { TokenClaims } from './token-claims.ts';

/**
 * Signs claims as a compact JWS (RFC 7515). Synchronous: with EdDSA or ES256 a signature costs less than the
 * way to a thread and back.
 */
export function signToken(key: SigningKey, claims: TokenClaims): string {
  const header = encode({ typ: 'JWT', alg: key.algorithm, kid: key.id });
  const input = `${header}.${encode(claims)}`;
  return `${input}.${signBytes(key, Buffer.from(input)).toString('base64url')}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
