import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';

/** Who tried, and from where. */
export interface LoginAttempt {
  /** The name as it was given, whether or not it exists. */
  readonly account: string;
  /** The client's address; `undefined` over a Unix socket. */
  readonly address: string | undefined;
}

const memory = "interval '15 minutes'";

const count = statement<{ here: number; everywhere: number }>(
  'login-failure.count',
  `WITH this AS (
     INSERT INTO login_failure AS f (account, address) VALUES ($1, $2)
     ON CONFLICT (account, address) DO UPDATE SET last_at = now(),
       failures = CASE WHEN f.last_at < now() - ${memory} THEN 1 ELSE f.failures + 1 END
     RETURNING failures
   )
   SELECT this.failures AS here, this.failures + coalesce((SELECT sum(o.failures) FROM login_failure o
     WHERE o.account = $1 AND o.address <> $2 AND o.last_at > now() - ${memory}), 0)::integer AS everywhere
   FROM this`,
);
const forget = statement(
  'login-failure.forget',
  'DELETE FROM login_failure WHERE account = $1 AND address = $2',
);
const prune = statement<{ account: string }>(
  'login-failure.prune',
  `DELETE FROM login_failure WHERE (account, address) IN (
     SELECT account, address FROM login_failure WHERE last_at < now() - ${memory} LIMIT $1
   ) RETURNING account`,
);

const free = 3;
const firstDelay = 250;
const longestDelay = 10_000;

/**
 * Milliseconds by which the refusal of a failed log-in is held back: nothing for three mistakes, then 250 ms,
 * doubled each time up to ten seconds. Guesses spread over many addresses count a tenth.
 */
export function refusalDelay(failures: { readonly here: number; readonly everywhere: number }): number {
  const beyond = Math.max(failures.here, Math.floor(failures.everywhere / 10)) - free;
  return beyond <= 0 ? 0 : Math.min(longestDelay, firstDelay * 2 ** Math.min(beyond - 1, 16));
}

/** Counts a failed log-in, for all processes. Returns the milliseconds to wait before it is refused. */
export async function countLoginFailure(database: Database, attempt: LoginAttempt): Promise<number> {
  const [failures] = await database.run(count, keyOf(attempt));
  return failures === undefined ? 0 : refusalDelay(failures);
}

/** Forgets the failures of an account at an address: it has just shown the right secret. */
export async function forgetLoginFailures(database: Database, attempt: LoginAttempt): Promise<void> {
  await database.run(forget, keyOf(attempt));
}

/** Removes up to `limit` counts that are older than they matter. Returns how many went. */
export async function pruneLoginFailures(database: Database, limit: number): Promise<number> {
  return (await database.run(prune, [limit])).length;
}

function keyOf(attempt: LoginAttempt): [string, string] {
  return [attempt.account.slice(0, 255), attempt.address ?? ''];
}
