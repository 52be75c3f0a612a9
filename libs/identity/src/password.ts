import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { BoundedQueue } from './bounded-queue.ts';

// OWASP's second recommendation for argon2id, the default algorithm of the library: 19 MiB, two passes, one lane.
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const currentPrefix = `$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}$`;

// one core is left for requests; 256 in line are two seconds of waiting on two cores
const queue = new BoundedQueue({ running: Math.max(1, availableParallelism() - 1), waiting: 256 });

/**
 * The hash of a password, for the database: argon2id in PHC string format, with a salt of its own. Rejects
 * with `UNAVAILABLE` when too many are being made at once.
 */
export async function hashPassword(password: string): Promise<string> {
  return await queue.run(() => hash(password, cost));
}

/**
 * Whether `password` is the one that `stored` was made of; false for a string that is no hash. Rejects with
 * `UNAVAILABLE` when too many are being checked at once.
 */
export async function verifyPassword(stored: string, password: string): Promise<boolean> {
  if (!stored.startsWith('$argon2')) return false;
  return await queue.run(() => verify(stored, password));
}

/** Whether a hash was made with other costs than today's: the next successful log-in replaces it. */
export function needsRehash(stored: string): boolean {
  return !stored.startsWith(currentPrefix);
}

let decoy: Promise<string> | undefined;

/**
 * Spends the time of a check for an account that does not exist or has no password, so that the answer's time
 * does not tell which accounts exist. Always false.
 */
export async function verifyAbsentPassword(password: string): Promise<false> {
  decoy ??= hashPassword('an account that does not exist');
  const making = decoy;
  const hashed = await making.catch((error: unknown) => {
    // too many were being made at that moment: the next check makes it
    if (decoy === making) decoy = undefined;
    throw error;
  });
  await verifyPassword(hashed, password);
  return false;
}
