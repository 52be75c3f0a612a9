import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import pg from 'pg';
import { signalProcess, waitForEnd } from '../processes.ts';
import { inheritedEnvironment, missingPrograms, runProgram } from '../programs.ts';
import type { RegistryUnderTest } from '../pusher.ts';
import { freePort } from '../free-port.ts';
import { basic, type Credentials } from '../stack.ts';

/** A process of the installation, as deploy/services/run names it. */
export type ProcessName = `${'core' | 'registry' | 'jobservice'}-${1 | 2}` | 'nginx' | 'postgres' | 'redis';

/** What a process says of its readiness. */
export interface ReadinessAnswer {
  readonly code: number;
  readonly status: string;
  /** The parts that are unwell. */
  readonly unwell: readonly string[];
}

const root = resolve(import.meta.dirname, '../..');
const script = join(root, 'deploy/services/run');
const main = join(root, 'apps/cli/dist/main.js');
const portsOf = {
  postgres: 1,
  redis: 3,
  'core-1': 4,
  'core-2': 5,
  'registry-1': 6,
  'registry-2': 7,
} as const;
const watchPorts = {
  'core-1': 14,
  'core-2': 15,
  'registry-1': 16,
  'registry-2': 17,
  'jobservice-1': 18,
  'jobservice-2': 19,
} as const;

/** The programs that the installation needs and this machine lacks. */
export function missingServicePrograms(): string[] {
  const missing = missingPrograms(['nginx', 'pgbouncer', 'redis-server', 'openssl', 'setpriv']);
  const hasPostgres = existsSync('/usr/lib/postgresql') && readdirSync('/usr/lib/postgresql').length > 0;
  return hasPostgres ? missing : [...missing, 'postgresql'];
}

/** Starts the whole installation by its script, in a fresh directory; with more settings of the product, if given. */
export async function startServices(settings: Readonly<Record<string, string>> = {}): Promise<Services> {
  const directory = mkdtempSync(join(tmpdir(), 'entrepot-services-'));
  chmodSync(directory, 0o755);
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(directory, 'settings'), lines.join(''));
  const services = new Services(directory, await freePorts());
  try {
    await services.up();
  } catch (error) {
    await services.remove();
    throw error;
  }
  return services;
}

/** Two each of core, registry and jobservice behind nginx, with PostgreSQL, PgBouncer and Redis. */
export class Services implements RegistryUnderTest {
  readonly directory: string;
  readonly port: number;
  /** Where nginx is. */
  readonly url: string;
  readonly host: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #said = '';

  constructor(directory: string, port: number) {
    this.directory = directory;
    this.port = port;
    this.host = `localhost:${port}`;
    this.url = `https://${this.host}`;
    const command = `${process.execPath} ${main}`;
    this.#env = {
      ...inheritedEnvironment(),
      SERVICES_DIR: directory,
      SERVICES_PORT: String(port),
      SERVICES_COMMAND: command,
      SERVICES_ENV: join(directory, 'settings'),
    };
  }

  get admin(): Credentials {
    return { username: 'admin', password: this.#read('secrets/admin-password') };
  }

  /** The certificate of nginx. */
  get certificate(): string {
    return join(this.directory, 'tls/cert.pem');
  }

  async up(): Promise<void> {
    // a session of its own: a Ctrl-C for the tests is none for what they started
    const child = spawn(script, ['up'], {
      env: this.#env,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
    for (let waited = 0; !this.#said.includes('Entrepot is ready'); waited += 50) {
      if (child.exitCode !== null || waited > 60_000) throw new Error(`it did not start:\n${this.#said}`);
      await sleep(50);
    }
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(this.certificate, 'utf8')]);
  }

  /** One process past nginx. */
  direct(name: keyof typeof portsOf): RegistryUnderTest & { readonly port: number } {
    const port = this.port + portsOf[name];
    return { url: `http://127.0.0.1:${port}`, port, admin: this.admin };
  }

  /** The number of a process. */
  pidOf(name: ProcessName): number {
    return Number(this.#read(`run/${name}.pid`));
  }

  /** Kills a process without warning. */
  async kill(name: ProcessName): Promise<void> {
    const pid = this.pidOf(name);
    signalProcess(pid, 'SIGKILL');
    await waitForEnd(pid, 5_000);
  }

  /** Starts, stops or restarts one process in good order, and waits until that is done. */
  async tell(what: 'start' | 'stop' | 'restart', name: ProcessName): Promise<void> {
    const { code, output } = await runProgram(script, [what, name], { env: this.#env });
    if (code !== 0) throw new Error(`${what} ${name} ended with ${code}: ${output}\n${this.log(name)}`);
  }

  /** The last that a process logged. */
  log(name: ProcessName): string {
    return this.#read(`log/${name}.log`).slice(-3_000);
  }

  async readiness(name: keyof typeof watchPorts): Promise<ReadinessAnswer> {
    const answer = await fetch(`http://127.0.0.1:${this.port + watchPorts[name]}/ready`);
    const report = (await answer.json()) as { status: string; parts: { name: string; status: string }[] };
    const unwell = report.parts.filter((part) => part.status !== 'healthy').map((part) => part.name);
    return { code: answer.status, status: report.status, unwell };
  }

  /** A request to the REST API through nginx. */
  async api(method: string, path: string, body?: unknown): Promise<Response> {
    const headers = { 'Content-Type': 'application/json', Authorization: basic(this.admin) };
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    return await fetch(`${this.url}/api/v2.0${path}`, { method, headers, ...init });
  }

  async createProject(name: string): Promise<void> {
    const answer = await this.api('POST', '/projects', { project_name: name, metadata: { public: 'false' } });
    if (answer.status !== 201) throw new Error(`project ${name}: ${answer.status} ${await answer.text()}`);
  }

  /** Asks PostgreSQL, past PgBouncer. */
  async sql<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
    const client = new pg.Client({
      connectionString: /^ENTREPOT_DATABASE_DIRECT_URL=(.*)$/m.exec(this.#read('entrepot.env'))?.[1],
    });
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** A command to Redis. */
  async redis(...words: string[]): Promise<string> {
    const socket = connect(this.port + portsOf.redis, '127.0.0.1');
    await once(socket, 'connect');
    socket.end(`${words.join(' ')}\r\nQUIT\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    return answer;
  }

  /** Ends everything in good order, and removes the directory. */
  async remove(): Promise<void> {
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null) {
      const exit = once(child, 'exit');
      signalProcess(child.pid, 'SIGTERM');
      await exit;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  #read(file: string): string {
    return readFileSync(join(this.directory, file), 'utf8').trim();
  }
}

/** The first of 21 ports in a row that nobody listens on. */
async function freePorts(): Promise<number> {
  for (;;) {
    const first = await freePort();
    if (first + 20 > 65_535) continue;
    const others = Array.from({ length: 20 }, (_, index) => first + 1 + index);
    const taken = await Promise.all(others.map(isTaken));
    if (!taken.includes(true)) return first;
  }
}

async function isTaken(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const outcome = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return outcome;
}
