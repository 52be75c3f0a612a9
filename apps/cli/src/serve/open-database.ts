import type { ConnectionOptions } from '@entrepot/database/connection-options';
import { Database, type DatabaseOptions } from '@entrepot/database/database';
import {
  inspectDatabase,
  refuseForeignTables,
  type DatabaseContent,
  type KnownInstance,
} from '@entrepot/database/database-content';
import { sqlState } from '@entrepot/database/database-error';
import { migrate } from '@entrepot/database/migrate';
import { statement } from '@entrepot/database/statement';
import {
  hasDatabase,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '@entrepot/embedded-postgres/embedded-postgres';
import { AppError, isAppError } from '@entrepot/errors/app-error';
import { migrateQueues } from '@entrepot/jobs/wake-queue';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Config } from '../config/config.ts';
import type { Teardown } from './teardown.ts';

/** What {@link openServer} needs. */
export interface OpenServerOptions {
  readonly config: Config;
  readonly dataDir: string;
  readonly log: Logger;
  readonly teardown: Teardown;
  /** Gives up a start that takes long. */
  readonly signal?: AbortSignal;
  /** Hears of the embedded server, to watch it or to abandon it. */
  readonly onServer?: (server: EmbeddedPostgres) => void;
}

/** What {@link openDatabase} needs. */
export interface OpenDatabaseOptions extends OpenServerOptions {
  /** Throws when this database may not be used; asked before it is made or migrated. Undefined: it is new. */
  readonly admit: (known: KnownInstance | undefined) => Promise<void>;
}

const oldestServer = 150_000;
const ask = statement<{ one: number }>('process.ask', 'SELECT 1 AS one');

/** Resolves when the database answers. */
export async function askDatabase(database: Database): Promise<void> {
  await database.run(ask);
}

/** Starts the embedded PostgreSQL unless `ENTREPOT_DATABASE_URL` names another, and brings its schema to this version. */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const { config, log, admit } = options;
  const outside = outsideDatabase(config);
  if (outside !== undefined) {
    await admit((await inspectOutside(outside)).instance);
    await migrateOutside(outside, log);
    return await connectUntilTeardown(outside, options);
  }
  if (!(await hasDatabase(options.dataDir))) await admit(undefined);
  const connection = await startServer(options);
  await admit((await inspectDatabase(connection)).instance);
  logMigrations(await migrateAll(connection), log);
  return await connectUntilTeardown({ connection }, options);
}

/**
 * How to reach a PostgreSQL whose database may have no schema: the embedded one, which runs until the teardown, or the
 * operator's, past any pooler. Throws `CONFIG_INVALID` when that is too old or has somebody else's tables.
 */
export async function openServer(options: OpenServerOptions): Promise<ConnectionOptions> {
  const outside = outsideDatabase(options.config);
  if (outside === undefined) return await startServer(options);
  const connection = outside.direct ?? outside.connection;
  const database = await connect({ connection }, 1).catch(cannotUse);
  await database.close();
  refuseForeignTables(await inspectOutside(outside));
  return connection;
}

/** How to reach a PostgreSQL of the operator's own; `undefined` when the settings name none. */
export type OutsideDatabase = Pick<DatabaseOptions, 'connection' | 'direct'>;

/** The database that `ENTREPOT_DATABASE_URL` names, and the way past its pooler. */
export function outsideDatabase({ databaseUrl, databaseDirectUrl }: Config): OutsideDatabase | undefined {
  if (databaseUrl === undefined) return undefined;
  const direct = databaseDirectUrl === undefined ? {} : { direct: { url: databaseDirectUrl } };
  return { connection: { url: databaseUrl }, ...direct };
}

/** Looks into the operator's own database, past any pooler. */
export async function inspectOutside({ connection, direct }: OutsideDatabase): Promise<DatabaseContent> {
  return await inspectDatabase(direct ?? connection).catch(cannotUse);
}

/** Brings the schema of an operator's own database to this version, past any pooler. */
export async function migrateOutside({ connection, direct }: OutsideDatabase, log: Logger): Promise<void> {
  logMigrations(await migrateAll(direct ?? connection).catch(cannotUse), log);
}

function logMigrations(applied: readonly string[], log: Logger): void {
  if (applied.length > 0) log.info({ applied }, 'database migrated');
}

/** Opens a migrated database, until the teardown. Throws `CONFIG_INVALID` when its server is too old. */
export async function connectUntilTeardown(
  where: OutsideDatabase,
  { config, teardown }: Pick<OpenDatabaseOptions, 'config' | 'teardown'>,
): Promise<Database> {
  const database = await connect(where, config.databaseConnections);
  teardown.add('database connections', 1_000, () => database.close());
  return database;
}

async function migrateAll(connection: ConnectionOptions): Promise<readonly string[]> {
  const { applied } = await migrate(connection);
  await migrateQueues(connection);
  return applied;
}

/** Throws on what hinders us, in words: a wrong password or host is the operator's to mend, and needs no stack. */
export function cannotUse(error: unknown): never {
  if (isAppError(error, 'CONFIG_INVALID')) throw error;
  const cause = isAppError(error) ? error.cause : error;
  const reason = cause instanceof Error ? cause.message || sqlState(cause) : String(cause);
  throw new AppError(
    isAppError(error) ? error.code : 'CONFIG_INVALID',
    `the database of ENTREPOT_DATABASE_URL cannot be used: ${reason ?? 'no reason given'}`,
    { cause: error },
  );
}

/** Opens a database whose schema is this version's already. Throws `CONFIG_INVALID` when its server is too old. */
export async function connect(where: OutsideDatabase, poolSize: number): Promise<Database> {
  const database = await Database.connect({ ...where, poolSize });
  const [row] = await database.query<{ version: string }>(
    "SELECT current_setting('server_version_num') AS version",
  );
  if (Number(row?.version) >= oldestServer) return database;
  await database.close();
  throw new AppError(
    'CONFIG_INVALID',
    'ENTREPOT_DATABASE_URL names a PostgreSQL older than 15: use 15 or newer',
  );
}

async function startServer({
  dataDir,
  log,
  teardown,
  signal,
  onServer,
}: OpenServerOptions): Promise<ConnectionOptions> {
  const server = await startEmbeddedPostgres({ dataDir, log, ...(signal === undefined ? {} : { signal }) });
  teardown.add('PostgreSQL', 4_000, () => server.stop(2_500));
  onServer?.(server);
  return server.connection;
}
