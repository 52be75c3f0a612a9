import type { ConnectionOptions } from '@entrepot/database/connection-options';
import { Database } from '@entrepot/database/database';
import { sqlState } from '@entrepot/database/database-error';
import { migrate } from '@entrepot/database/migrate';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@entrepot/embedded-postgres/embedded-postgres';
import { AppError, isAppError } from '@entrepot/errors/app-error';
import { migrateQueues } from '@entrepot/jobs/wake-queue';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Config } from '../config/config.ts';
import type { Teardown } from './teardown.ts';

/** What {@link openDatabase} needs. */
export interface OpenDatabaseOptions {
  readonly config: Config;
  readonly dataDir: string;
  readonly log: Logger;
  readonly teardown: Teardown;
  /** Gives up a start that takes long. */
  readonly signal?: AbortSignal;
  /** Hears of the embedded server, to watch it or to abandon it. */
  readonly onServer?: (server: EmbeddedPostgres) => void;
}

const oldestServer = 150_000;

/** Starts the embedded PostgreSQL unless `ENTREPOT_DATABASE_URL` names another, and brings its schema to this version. */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const { config, log, teardown } = options;
  const { databaseUrl } = config;
  const connection = databaseUrl === undefined ? await startServer(options) : { url: databaseUrl };
  const migrated = migrateAll(connection);
  const applied = await (databaseUrl === undefined ? migrated : migrated.catch(cannotUse));
  if (applied.length > 0) log.info({ applied }, 'database migrated');
  const database = await connect(connection, config.databaseConnections);
  teardown.add('database connections', 1_000, () => database.close());
  return database;
}

async function migrateAll(connection: ConnectionOptions): Promise<readonly string[]> {
  const { applied } = await migrate(connection);
  await migrateQueues(connection);
  return applied;
}

// a wrong password or host is the operator's to mend, so it is said in words and not with a stack
function cannotUse(error: unknown): never {
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
export async function connect(connection: ConnectionOptions, poolSize: number): Promise<Database> {
  const database = await Database.connect({ connection, poolSize });
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
}: OpenDatabaseOptions): Promise<ConnectionOptions> {
  const server = await startEmbeddedPostgres({ dataDir, log, ...(signal === undefined ? {} : { signal }) });
  teardown.add('PostgreSQL', 4_000, () => server.stop(2_500));
  onServer?.(server);
  return server.connection;
}
