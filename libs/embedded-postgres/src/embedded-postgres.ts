import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@entrepot/errors/app-error';
import {
  clusterDirectory,
  createCluster,
  databaseName,
  databaseUser,
  directoryArgument,
  isClusterCreated,
} from './cluster-directory.ts';
import { ensureClusterOwner } from './cluster-owner.ts';
import { chooseAccount } from './database-account.ts';
import { makeDataDirectory } from './data-directory.ts';
import { silentLog, type PostgresLog } from './log.ts';
import { preparePostgresBinaries } from './postgres-binaries.ts';
import { findPostmaster, stopOrphan } from './postmaster.ts';
import { endServer, hasEnded, launchServer, limitLog, type ServerLaunch } from './server-process.ts';
import { toServerArguments, type ServerSettings } from './server-settings.ts';
import { makeSocketDirectory, removeLeftSocketDirectory, removeSocketDirectory } from './socket-directory.ts';

/** What may be chosen when the server is started. */
export interface EmbeddedPostgresOptions {
  /** The product's data directory: the database, its socket and its log lie in it. One process at a time. */
  readonly dataDir: string;
  readonly log?: PostgresLog;
  /** PostgreSQL settings that replace ours, e.g. `{ commit_delay: '5000' }`. */
  readonly settings?: ServerSettings;
  /** Gives up a start that takes long: a server that replays its log is stopped again. */
  readonly signal?: AbortSignal;
}

/** How to reach a server through its socket, in the form that `pg` takes. */
export interface EmbeddedConnection {
  /** The directory of the Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

const port = 5432;
const restartsPerMinute = 5;

/**
 * Starts the PostgreSQL that comes with Entrepot on the database in `dataDir`, and makes that at the first
 * start. A server that a killed process left behind is stopped first, and one that still shuts down is waited
 * for. Throws `CONFIG_INVALID` (directory not writable, database of another major version), `STORAGE_FULL` or
 * `UNAVAILABLE`, each with the cause and what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? silentLog;
  const settings = options.settings ?? {};
  await makeDataDirectory(options.dataDir);
  const dataDir = await realpath(options.dataDir);
  const clusterDir = clusterDirectory(dataDir);
  const created = await isClusterCreated(dataDir);
  const account = await chooseAccount(clusterDir, dataDir);
  if (account !== undefined)
    log.info({ user: account.name }, `PostgreSQL refuses root: it runs as user ${account.name}`);
  const binaries = await preparePostgresBinaries(dataDir, account);
  if (created) {
    await ensureClusterOwner(clusterDir, account, log);
    await stopOrphan(clusterDir, log);
  } else await createCluster({ dataDir, binaries, account, sync: settings['fsync'] !== 'off' });
  await removeLeftSocketDirectory(clusterDir);
  const socketDir = await makeSocketDirectory(dataDir, account);
  const directory = await directoryArgument(clusterDir, account);
  const launch: ServerLaunch = {
    program: binaries.postgres,
    args: ['-D', directory, ...toServerArguments(socketDir, settings)],
    clusterDir,
    account,
    logFile: join(dataDir, 'postgres.log'),
    log,
  };
  return new EmbeddedPostgres(launch, socketDir, await launchUnlessAborted(launch, options.signal));
}

async function launchUnlessAborted(launch: ServerLaunch, signal?: AbortSignal): Promise<ChildProcess> {
  signal?.throwIfAborted();
  let starting: ChildProcess | undefined;
  const giveUp = (): void => void starting?.kill('SIGINT');
  signal?.addEventListener('abort', giveUp);
  try {
    return await launchServer(launch, (child) => (starting = child));
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

/**
 * Whether a database was made in `dataDir`, which may be missing. Throws `CONFIG_INVALID` for one of another major
 * version of PostgreSQL.
 */
export async function hasDatabase(dataDir: string): Promise<boolean> {
  return existsSync(dataDir) && (await isClusterCreated(dataDir));
}

/** How to reach the server that another process runs on `dataDir`; `undefined` when none takes connections. */
export async function findRunningConnection(dataDir: string): Promise<EmbeddedConnection | undefined> {
  const postmaster = await findPostmaster(clusterDirectory(resolve(dataDir)));
  if (postmaster?.status !== 'ready' || postmaster.socketDir === undefined) return undefined;
  return connectionTo(postmaster.socketDir);
}

function connectionTo(socketDir: string): EmbeddedConnection {
  return { host: socketDir, port, user: databaseUser, database: databaseName };
}

/** A running server. It is started again when it dies; whoever holds connections to it must open new ones. */
export class EmbeddedPostgres {
  readonly connection: EmbeddedConnection;
  /** The connection as a URL, for those who take nothing else. */
  readonly url: string;
  readonly #launch: ServerLaunch;
  readonly #logLimit: NodeJS.Timeout;
  readonly #listeners: ((error: Error) => void)[] = [];
  #child: ChildProcess;
  #stopping = false;
  #restarting: Promise<void> = Promise.resolve();
  #deaths: number[] = [];

  constructor(launch: ServerLaunch, socketDir: string, child: ChildProcess) {
    this.connection = connectionTo(socketDir);
    const host = encodeURIComponent(socketDir);
    this.url = `postgresql://${databaseUser}@localhost:${port}/${databaseName}?host=${host}`;
    this.#launch = launch;
    this.#child = child;
    this.#watch(child);
    this.#logLimit = setInterval(() => limitLog(launch.logFile), 60_000).unref();
  }

  /** The process of the server, while it runs. */
  get pid(): number | undefined {
    return hasEnded(this.#child) ? undefined : this.#child.pid;
  }

  /** Calls `listener` when the server has died and could not be started again. */
  onExit(listener: (error: Error) => void): void {
    this.#listeners.push(listener);
  }

  /** Ends the server at once, without waiting: the next start replays its log. For an exit that was forced. */
  abandon(): void {
    this.#stopping = true;
    this.#child.kill('SIGQUIT');
  }

  /** Fast shutdown; an immediate one when it takes longer than `patienceMs` (default 10 s). */
  async stop(patienceMs = 10_000): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#logLimit);
    await endServer(this.#child, patienceMs);
    await this.#restarting;
    await endServer(this.#child, patienceMs);
    await removeSocketDirectory(this.connection.host);
  }

  #watch(child: ChildProcess): void {
    child.once('exit', (code, signal) => {
      if (!this.#stopping) this.#restarting = this.#restart(code, signal);
    });
    // it may have died before anyone listened
    if (hasEnded(child) && !this.#stopping)
      this.#restarting = this.#restart(child.exitCode, child.signalCode);
  }

  async #restart(exitCode: number | null, signal: string | null): Promise<void> {
    this.#launch.log.warn({ exitCode, signal }, 'PostgreSQL died: starting it again');
    let reason: unknown;
    while (!this.#stopping && this.#mayStartAgain()) {
      await sleep(50 * this.#deaths.length);
      if (this.#stopping) return;
      try {
        this.#watch(await launchServer(this.#launch, (child) => (this.#child = child)));
        return;
      } catch (error) {
        reason = error;
        this.#launch.log.warn({ err: error }, 'PostgreSQL did not start');
      }
    }
    if (!this.#stopping) {
      this.#giveUp(new AppError('UNAVAILABLE', 'PostgreSQL dies again and again', { cause: reason }));
    }
  }

  #mayStartAgain(): boolean {
    const now = Date.now();
    this.#deaths = [...this.#deaths.filter((time) => time > now - 60_000), now];
    return this.#deaths.length <= restartsPerMinute;
  }

  #giveUp(error: Error): void {
    this.#launch.log.error(
      { err: error, logFile: this.#launch.logFile },
      'PostgreSQL could not be started again',
    );
    for (const listener of this.#listeners) listener(error);
  }
}
