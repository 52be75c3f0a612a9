import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Database } from '@entrepot/database/database';
import { listPendingMigrations } from '@entrepot/database/migrate';
import { makeDataDirectory } from '@entrepot/embedded-postgres/data-directory';
import { findRunningConnection } from '@entrepot/embedded-postgres/embedded-postgres';
import { AppError } from '@entrepot/errors/app-error';
import type { Config } from '../config/config.ts';
import { findInstance, takeInstanceLock } from '../serve/instance-lock.ts';
import { connect, openDatabase } from '../serve/open-database.ts';
import type { ProcessOutput } from '../serve/process-log.ts';
import { Teardown } from '../serve/teardown.ts';

type Work<T> = (database: Database) => Promise<T>;

/** Works on the database while no server runs on the data directory: starts and migrates it, and stops it again. */
export async function withStoppedProduct<T>(
  config: Config,
  output: ProcessOutput,
  work: Work<T>,
): Promise<T> {
  const teardown = new Teardown(output.log);
  try {
    await makeDataDirectory(resolve(config.data));
    const dataDir = await realpath(config.data);
    const lock = await takeInstanceLock(dataDir);
    teardown.add('data directory', 1_000, () => lock.release());
    return await work(await openDatabase({ config, dataDir, log: output.log, teardown }));
  } finally {
    await teardown.run();
  }
}

/**
 * Works on the database whether the server runs or not: through the running one's own database, when its schema
 * is this version's, so that nothing changes under the server.
 */
export async function withDatabase<T>(config: Config, output: ProcessOutput, work: Work<T>): Promise<T> {
  const dataDir = resolve(config.data);
  if ((await findInstance(dataDir)) === undefined) return await withStoppedProduct(config, output, work);
  const connection =
    config.databaseUrl === undefined ? await findRunningConnection(dataDir) : { url: config.databaseUrl };
  if (connection === undefined) {
    throw new AppError(
      'UNAVAILABLE',
      'the server that runs on this data directory is starting or stopping: try again shortly',
    );
  }
  if ((await listPendingMigrations(connection)).length > 0) {
    throw new AppError(
      'CONFIG_INVALID',
      'the running server is of another version: stop it first, or use its own command',
    );
  }
  const database = await connect(connection, 4);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
