import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { peakMemory, readUsage, type Usage } from './process-usage.ts';
import { end, freePort, launch, waitUntilReady, type Server } from './server.ts';

const main = resolve(import.meta.dirname, '../../apps/cli/dist/main.js');
/** As `npm start` runs it. */
const nodeFlags = ['--max-semi-space-size=32'];
const password = 'Correct-Horse-9';
const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;

/** The built product in its embedded form: one process, and the PostgreSQL that it starts. */
export class Entrepot implements Server {
  readonly name = 'entrepot';
  readonly port: number;
  readonly #metricsPort: number;
  readonly #data: string;
  readonly #child: ChildProcess;

  private constructor(ports: readonly [number, number], folder: string, flags: readonly string[]) {
    [this.port, this.#metricsPort] = ports;
    this.#data = `${folder}/data`;
    this.#child = launch({
      program: process.execPath,
      args: [...nodeFlags, ...flags, main, 'serve'],
      env: {
        UV_THREADPOOL_SIZE: '16',
        ENTREPOT_HTTP_PORT: String(this.port),
        ENTREPOT_DATA: this.#data,
        ENTREPOT_ADMIN_PASSWORD: password,
        ENTREPOT_METRICS_ADDRESS: `127.0.0.1:${this.#metricsPort}`,
        ENTREPOT_TOKEN_SECONDS: '86400',
        ENTREPOT_STORAGE_LINK_MIRROR: 'off',
      },
      folder,
    });
  }

  /** Starts it in `folder`, with `flags` for node, and creates the project `bench`. */
  static async start(folder: string, flags: readonly string[] = []): Promise<Entrepot> {
    const server = new Entrepot([await freePort(), await freePort()], folder, flags);
    try {
      await waitUntilReady(server.#child, `http://127.0.0.1:${server.port}/api/v2.0/health`, [200]);
      await server.#createProject('bench');
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async token(repository: string): Promise<string> {
    const scope = encodeURIComponent(`repository:${repository}:pull,push`);
    const url = `http://127.0.0.1:${this.port}/service/token?service=entrepot-registry&scope=${scope}`;
    const answer = await fetch(url, { headers: { Authorization: authorization } });
    if (!answer.ok) throw new Error(`token for ${repository}: ${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as { token: string }).token;
  }

  usage(): Usage {
    const pid = this.#child.pid;
    return readUsage(pid === undefined ? [] : [pid, Number(this.#postmasterFile()[0])]);
  }

  /** Bytes: the most that its node process has held since it began. */
  peakMemory(): number {
    return peakMemory(this.#child.pid === undefined ? [] : [this.#child.pid]);
  }

  /** Waits until no fact is left in the outbox. Throws when that takes two minutes. */
  async settle(): Promise<void> {
    const late = Date.now() + 120_000;
    for (;;) {
      const metrics = await (await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`)).text();
      const rows = /^entrepot_outbox_rows (\S+)$/m.exec(metrics)?.[1];
      if (rows === undefined) throw new Error('the metric entrepot_outbox_rows is missing');
      if (Number(rows) === 0) return;
      if (Date.now() > late) throw new Error(`${rows} facts still wait in the outbox after two minutes`);
      await sleep(100);
    }
  }

  /** Runs statements on the embedded database, through its socket. */
  async sql(statements: readonly string[]): Promise<void> {
    const client = new pg.Client({
      host: this.#postmasterFile()[4],
      port: 5432,
      user: 'entrepot',
      database: 'entrepot',
    });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    await end(this.#child);
  }

  async #createProject(name: string): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/api/v2.0/projects`, {
      method: 'POST',
      headers: { Authorization: authorization, 'Content-Type': 'application/json' },
      body: JSON.stringify({ project_name: name, metadata: { public: 'false' } }),
    });
    if (![201, 409].includes(answer.status)) {
      throw new Error(`project ${name}: ${answer.status} ${await answer.text()}`);
    }
  }

  /** Process id, data directory, start, port and socket directory of PostgreSQL, a line each. */
  #postmasterFile(): string[] {
    return readFileSync(`${this.#data}/postgres-18/postmaster.pid`, 'utf8').split('\n');
  }
}
