import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Usage } from './process-usage.ts';

/** The registries that are compared. */
export type ServerName = 'entrepot' | 'distribution' | 'docker-registry';

/** A running registry with token authentication and file storage. */
export interface Server {
  readonly name: ServerName;
  readonly port: number;
  /** A bearer token for `actions` on one repository, good for the whole run. */
  token(repository: string): Promise<string>;
  /** What all processes of the server have used since they began, the database's included. */
  usage(): Usage;
  /** Resolves when the work that the server put off is done. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** What a server process is started with. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Folder for its data and its log. */
  readonly folder: string;
}

/** Starts a server process; its output goes to `output.log` in its folder. */
export function launch({ program, args, env, folder }: Launch): ChildProcess {
  mkdirSync(folder, { recursive: true });
  const output = openSync(`${folder}/output.log`, 'a');
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('ENTREPOT_'));
  return spawn(program, args, {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', output, output],
    cwd: folder,
  });
}

/** Waits until `url` answers with one of `statuses`. Throws when the process ends or a minute passes. */
export async function waitUntilReady(child: ChildProcess, url: string, statuses: number[]): Promise<void> {
  const late = Date.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer !== undefined && statuses.includes(answer.status)) return;
    if (Date.now() > late) throw new Error(`${child.spawnfile} did not answer ${url} within a minute`);
    await sleep(50);
  }
}

/** Ends a server process and waits for its end. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await exit;
  clearTimeout(late);
}

/** A port of the loopback interface that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
