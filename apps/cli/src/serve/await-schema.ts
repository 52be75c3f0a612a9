import { setTimeout as sleep } from 'node:timers/promises';
import { findMissingMigrations } from '@entrepot/database/schema-state';
import { isAppError } from '@entrepot/errors/app-error';
import type { Logger } from '@entrepot/telemetry/logger';
import { cannotUse, type OutsideDatabase } from './open-database.ts';

/** What {@link awaitSchema} needs. */
export interface AwaitSchemaOptions {
  readonly where: OutsideDatabase;
  readonly log: Logger;
  /** Ends the waiting, with its reason. */
  readonly signal: AbortSignal;
  readonly retryMs?: number;
}

/**
 * Waits until the database answers and `entrepot migrate` has brought it to this version: processes may be started in
 * any order. What it waits for is logged, once each time that it changes. Throws `CONFIG_INVALID` for a database that
 * has left this version behind, and for whatever else waiting does not mend.
 */
export async function awaitSchema({
  where,
  log,
  signal,
  retryMs = 1_000,
}: AwaitSchemaOptions): Promise<void> {
  let told = '';
  for (;;) {
    const reason = await findReasonToWait(where);
    if (reason === undefined) return;
    if (reason !== told) log.warn({}, reason);
    told = reason;
    await sleep(retryMs, undefined, { signal });
  }
}

async function findReasonToWait({ connection, direct }: OutsideDatabase): Promise<string | undefined> {
  try {
    const missing = await findMissingMigrations(direct ?? connection);
    if (missing.length === 0) return undefined;
    return `the database is of an older version (it lacks ${missing.join(', ')}): waiting for entrepot migrate`;
  } catch (error) {
    if (isAppError(error, 'UNAVAILABLE')) return 'the database does not answer: waiting for it';
    return cannotUse(error);
  }
}
