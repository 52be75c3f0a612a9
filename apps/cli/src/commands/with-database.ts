import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConnectionOptions } from '@entrepot/database/connection-options';
import type { Database } from '@entrepot/database/database';
import { inspectDatabase } from '@entrepot/database/database-content';
import { listPendingMigrations } from '@entrepot/database/migrate';
import { makeDataDirectory } from '@entrepot/embedded-postgres/data-directory';
import { findRunningConnection, hasDatabase } from '@entrepot/embedded-postgres/embedded-postgres';
import { AppError } from '@entrepot/errors/app-error';
import type { Config } from '../config/config.ts';
import { findInstance, takeInstanceLock } from '../serve/instance-lock.ts';
import {
  connect,
  inspectOutside,
  openDatabase,
  openServer,
  outsideDatabase,
  type OpenDatabaseOptions,
  type OutsideDatabase,
} from '../serve/open-database.ts';
import type { ProcessOutput } from '../serve/process-log.ts';
import { Teardown } from '../serve/teardown.ts';

type Work<T> = (database: Database) => Promise<T>;

/** What a command does about a database that is new, or that does not belong to its storage. */
export interface DatabaseAccess {
  /** `nothing`: a database that is not there yet is refused. */
  readonly makes: 'nothing' | 'database';
  /** Throws when this database may not be used. */
  readonly admit: OpenDatabaseOptions['admit'];
}

/** Where a command works, and what it may do. */
export interface DatabaseCommand {
  readonly config: Config;
  readonly output: ProcessOutput;
  readonly access: DatabaseAccess;
}

/** For a command that looks at the database alone, and needs it to be there. */
export const existingDatabase: DatabaseAccess = { makes: 'nothing', admit: async () => undefined };

/** Works on the database while no server runs on the data directory: starts and migrates it, and stops it again. */
export async function withStoppedProduct<T>(
  { config, output, access }: DatabaseCommand,
  work: Work<T>,
): Promise<T> {
  const { log } = output;
  const { admit } = access;
  if (access.makes === 'nothing') await requireDatabase(config);
  return await withLock(config, output, async (dataDir, teardown) =>
    work(await openDatabase({ config, dataDir, log, teardown, admit })),
  );
}

/** Throws `CONFIG_INVALID` unless a database is there: a wrong path is not to become an Entrepot. */
async function requireDatabase(config: Config): Promise<void> {
  const outside = outsideDatabase(config);
  const isThere =
    outside === undefined
      ? await hasDatabase(resolve(config.data))
      : (await inspectOutside(outside)).hasSchema;
  if (isThere) return;
  throw new AppError(
    'CONFIG_INVALID',
    outside === undefined
      ? `there is no Entrepot in ${config.data}: is ENTREPOT_DATA right?`
      : 'there is no Entrepot in the database: is ENTREPOT_DATABASE_URL right? entrepot migrate makes a new one',
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
export async function withDatabase<T>(command: DatabaseCommand, work: Work<T>): Promise<T> {
  const { config, access } = command;
  const outside = outsideDatabase(config);
  const where = outside ?? (await findServed(resolve(config.data)));
  if (where === undefined) return await withStoppedProduct(command, work);
  const { hasSchema, instance } = await (outside === undefined
    ? inspectDatabase(where.connection)
    : inspectOutside(outside));
  if (!hasSchema) return await withStoppedProduct(command, work);
  await access.admit(instance);
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
