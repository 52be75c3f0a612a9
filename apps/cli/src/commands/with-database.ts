import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConnectionOptions } from '@entrepot/database/connection-options';
import type { Database } from '@entrepot/database/database';
import { listPendingMigrations } from '@entrepot/database/migrate';
import { makeDataDirectory } from '@entrepot/embedded-postgres/data-directory';
import { findRunningConnection } from '@entrepot/embedded-postgres/embedded-postgres';
import { AppError } from '@entrepot/errors/app-error';
import type { Config } from '../config/config.ts';
import { findInstance, takeInstanceLock } from '../serve/instance-lock.ts';
import {
  connect,
  openDatabase,
  openServer,
  outsideDatabase,
  type OutsideDatabase,
} from '../serve/open-database.ts';
import type { ProcessOutput } from '../serve/process-log.ts';
import { Teardown } from '../serve/teardown.ts';

type Work<T> = (database: Database) => Promise<T>;

/** Works on the database while no server runs on the data directory: starts and migrates it, and stops it again. */
export async function withStoppedProduct<T>(
  config: Config,
  output: ProcessOutput,
  work: Work<T>,
): Promise<T> {
  const { log } = output;
  return await withLock(config, output, async (dataDir, teardown) =>
    work(await openDatabase({ config, dataDir, log, teardown })),
  );
}

/** A PostgreSQL that takes connections. */
export interface Server {
  /** Past any pooler. */
  readonly connection: ConnectionOptions;
  readonly dataDir: string;
}

/** Works on a database that may have no schema, and gets none, while no server runs on the data directory. */
export async function withServer<T>(
  config: Config,
  output: ProcessOutput,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  const { log } = output;
  return await withLock(config, output, async (dataDir, teardown) =>
    work({ dataDir, connection: await openServer({ config, dataDir, log, teardown }) }),
  );
}

async function withLock<T>(
  config: Config,
  { log }: ProcessOutput,
  work: (dataDir: string, teardown: Teardown) => Promise<T>,
): Promise<T> {
  const teardown = new Teardown(log);
  try {
    await makeDataDirectory(resolve(config.data));
    const dataDir = await realpath(config.data);
    const lock = await takeInstanceLock(dataDir);
    teardown.add('data directory', 1_000, () => lock.release());
    return await work(dataDir, teardown);
  } finally {
    await teardown.run();
  }
}

/** Throws `CONFIG_INVALID` while the whole product runs on a data directory, which may not be there at all. */
export async function refuseWhileServed(dataDir: string): Promise<void> {
  const holder = await findInstance(dataDir);
  if (holder === undefined) return;
  throw new AppError(
    'CONFIG_INVALID',
    `the data directory ${dataDir} is in use by another Entrepot (process ${holder}): stop that one first`,
  );
}

/**
 * Works on the database whether the server runs or not: through the running one's own database, or the operator's,
 * when its schema is this version's, so that nothing changes under the server.
 */
export async function withDatabase<T>(config: Config, output: ProcessOutput, work: Work<T>): Promise<T> {
  const where = outsideDatabase(config) ?? (await findServed(resolve(config.data)));
  if (where === undefined) return await withStoppedProduct(config, output, work);
  if ((await listPendingMigrations(where.direct ?? where.connection)).length > 0) {
    throw new AppError(
      'CONFIG_INVALID',
      'the database is of an older version than this command: run entrepot migrate, or the command of its version',
    );
  }
  const database = await connect(where, 4);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** The embedded database of the product that runs on a data directory; `undefined` when none does. */
async function findServed(dataDir: string): Promise<OutsideDatabase | undefined> {
  if ((await findInstance(dataDir)) === undefined) return undefined;
  const connection = await findRunningConnection(dataDir);
  if (connection !== undefined) return { connection };
  throw new AppError(
    'UNAVAILABLE',
    'the server that runs on this data directory is starting or stopping: try again shortly',
  );
}
