import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port.ts';
import {
  listDescendants,
  readCommand,
  readWorkingDirectory,
  signalProcess,
  waitForEnd,
} from './processes.ts';
import { inheritedEnvironment } from './programs.ts';
import { ServerLog } from './server-log.ts';

/** What a server is started with. */
export interface EntrepotOptions {
  /** Settings of the product, by their names in the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** No password of the administrator in the settings: the product makes one. */
  readonly ownPassword?: boolean;
}

/** A user and his password. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What a kill -9 hits. */
export type Victim = 'node' | 'postgres' | 'backend' | 'everything';

const main = resolve(import.meta.dirname, '../apps/cli/dist/main.js');
const longestStart = 60_000;
const longestStop = 15_000;

/** Starts the built product as a process of its own, on a fresh data directory and a free port. */
export async function startEntrepot(options: EntrepotOptions = {}): Promise<Entrepot> {
  // readable by the user that PostgreSQL runs as when root starts the product
  const dataDir = mkdtempSync(join(tmpdir(), 'entrepot-e2e-'));
  chmodSync(dataDir, 0o755);
  const [port, metricsPort] = [await freePort(), await freePort()];
  const entrepot = new Entrepot(dataDir, { port, metricsPort }, options);
  try {
    await entrepot.start();
  } catch (error) {
    await entrepot.remove();
    throw error;
  }
  return entrepot;
}

/** A running product, and the handles that tests pull on. */
export class Entrepot {
  readonly dataDir: string;
  readonly port: number;
  readonly host: string;
  readonly url: string;
  readonly admin: Credentials = { username: 'admin', password: 'Correct-Horse-9' };
  readonly log = new ServerLog();
  readonly #metricsPort: number;
  readonly #options: EntrepotOptions;
  #child: ChildProcess | undefined;

  constructor(dataDir: string, ports: { port: number; metricsPort: number }, options: EntrepotOptions) {
    this.dataDir = dataDir;
    this.port = ports.port;
    this.host = `127.0.0.1:${ports.port}`;
    this.url = `http://${this.host}`;
    this.#metricsPort = ports.metricsPort;
    this.#options = options;
  }

  /** The process; throws when none was started. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the server is not running');
    return this.#child.pid;
  }

  /** Starts the process and waits until it says that it is ready. */
  async start(): Promise<void> {
    const from = this.log.lines.length;
    const child = spawn(process.execPath, [main, 'serve'], {
      env: { ...inheritedEnvironment(), UV_THREADPOOL_SIZE: '16', ...this.#settings() },
      stdio: ['ignore', 'pipe', 'pipe'],
      // a process group of its own, as in a terminal
      detached: true,
    });
    this.#child = child;
    this.log.read(child.stdout);
    this.log.read(child.stderr);
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the server ended with ${code} before it was ready:\n${this.log.text}`);
    });
    const late = sleep(longestStart, undefined, { ref: false }).then(() => {
      throw new Error(`the server was not ready after ${longestStart} ms:\n${this.log.text}`);
    });
    await Promise.race([this.log.waitFor((line) => line.msg === 'ready', from), ended, late]);
    // the loser of the race must not become an unhandled rejection
    ended.catch(() => undefined);
    late.catch(() => undefined);
  }

  /** Ends the process and returns its exit code. Throws when that takes longer than 15 seconds. */
  async stop(): Promise<number> {
    if (this.#child?.pid === undefined) return 0;
    return await this.#end(() => signalProcess(this.pid, 'SIGTERM'));
  }

  /** Ctrl-C in a terminal: the whole process group hears it. Returns the exit code, as {@link stop} does. */
  async interrupt(): Promise<number> {
    return await this.#end(() => process.kill(-this.pid, 'SIGINT'));
  }

  /** Kills without warning, and waits until what was hit is gone. */
  async kill(victim: Victim): Promise<void> {
    const node = this.pid;
    const postgres = this.postmasterPid();
    const all = [node, ...this.listProcesses()];
    const [backend] = postgres === undefined ? [] : listDescendants(postgres).filter(isBackend);
    const one = { node, postgres, backend, everything: undefined }[victim];
    const hit = one === undefined ? all : [one];
    for (const pid of hit) signalProcess(pid, 'SIGKILL');
    await Promise.all(hit.map((pid) => waitForEnd(pid, 5_000)));
  }

  /** The processes of the product beside its first one: PostgreSQL and its children. */
  listProcesses(): number[] {
    const postmaster = this.postmasterPid();
    const own = this.#child?.pid === undefined ? [] : listDescendants(this.#child.pid);
    const database = postmaster === undefined ? [] : [postmaster, ...listDescendants(postmaster)];
    return [...new Set([...own, ...database])];
  }

  /** The process id of PostgreSQL while it runs. */
  postmasterPid(): number | undefined {
    const pid = Number(this.#postmasterFile()[0]);
    // a server that was killed leaves its file, and its id may be another process's by now
    return readWorkingDirectory(pid) === this.#clusterDir ? pid : undefined;
  }

  /** Stops whatever still runs and removes the data. */
  async remove(): Promise<void> {
    try {
      await this.stop();
    } finally {
      for (const pid of this.#child?.pid === undefined ? [] : [this.#child.pid, ...this.listProcesses()]) {
        signalProcess(pid, 'SIGKILL');
      }
      rmSync(this.dataDir, { recursive: true, force: true });
    }
  }

  /** A request to any path, as the administrator unless told otherwise (`undefined`: anonymous). */
  async api(
    method: string,
    path: string,
    options: { body?: unknown; as?: Credentials | undefined } = {},
  ): Promise<Response> {
    const as = 'as' in options ? options.as : this.admin;
    const headers = new Headers({ 'Content-Type': 'application/json' });
    if (as !== undefined) headers.set('Authorization', basic(as));
    const body = options.body === undefined ? null : JSON.stringify(options.body);
    return await fetch(`${this.url}${path}`, { method, headers, body });
  }

  /** Creates a project through the REST API. */
  async createProject(name: string, isPublic = false): Promise<void> {
    const body = { project_name: name, metadata: { public: String(isPublic) } };
    const answer = await this.api('POST', '/api/v2.0/projects', { body });
    if (answer.status !== 201) throw new Error(`project ${name}: ${answer.status} ${await answer.text()}`);
  }

  /** The directory of the socket of the embedded database. */
  get databaseHost(): string {
    const host = this.#postmasterFile()[4];
    if (host === undefined) throw new Error('PostgreSQL is not running');
    return host;
  }

  /** Asks the embedded database, through its socket. */
  async sql<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({
      host: this.databaseHost,
      port: 5432,
      user: 'entrepot',
      database: 'entrepot',
    });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** The metrics, as Prometheus reads them. */
  async metrics(): Promise<string> {
    return await (await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`)).text();
  }

  async #end(tell: () => void): Promise<number> {
    const child = this.#child;
    const pids = [this.pid, ...this.listProcesses()];
    const isRunning = child?.exitCode === null && child.signalCode === null;
    const exit = isRunning ? once(child, 'exit') : undefined;
    tell();
    await Promise.all(pids.map((pid) => waitForEnd(pid, longestStop)));
    await exit;
    this.#child = undefined;
    return child?.exitCode ?? -1;
  }

  #settings(): Record<string, string> {
    return {
      ENTREPOT_HTTP_PORT: String(this.port),
      ENTREPOT_METRICS_ADDRESS: `127.0.0.1:${this.#metricsPort}`,
      ENTREPOT_DATA: this.dataDir,
      ENTREPOT_LOG_FORMAT: 'json',
      ...(this.#options.ownPassword === true ? {} : { ENTREPOT_ADMIN_PASSWORD: this.admin.password }),
      ...this.#options.env,
    };
  }

  get #clusterDir(): string {
    return join(this.dataDir, 'postgres-18');
  }

  #postmasterFile(): string[] {
    try {
      return readFileSync(join(this.#clusterDir, 'postmaster.pid'), 'utf8').split('\n');
    } catch {
      return [];
    }
  }
}

// the title that PostgreSQL gives to a process that serves a connection
function isBackend(pid: number): boolean {
  return readCommand(pid).startsWith('postgres: entrepot entrepot ');
}

/** The header of HTTP basic authentication. */
export function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
