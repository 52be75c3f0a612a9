import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestProject } from 'vitest/node';
import { provideServer, testSettings } from './server-template.ts';

// where Debian puts them, a directory for each major version
const versions = '/usr/lib/postgresql';
const port = 5432;

/** Starts the oldest PostgreSQL of this machine that an operator may bring (15 or newer). */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [oldest] = readdirSync(versions)
    .map(Number)
    .filter((major) => major >= 15)
    .toSorted((a, b) => a - b);
  if (oldest === undefined) throw new Error(`there is no PostgreSQL in ${versions}`);
  const programs = join(versions, String(oldest), 'bin');
  const directory = await mkdtemp(join(tmpdir(), `entrepot-test-pg${oldest}-`));
  const account = accountOf(directory);
  const data = join(directory, 'data');
  const initialise = ['-D', data, '--username=entrepot', '--auth=trust', '--encoding=UTF8', '--no-sync'];
  execFileSync(join(programs, 'initdb'), [...initialise, '--locale=C.UTF-8'], { stdio: 'pipe', ...account });
  const settings = { ...testSettings, listen_addresses: '', unix_socket_directories: directory };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...args], { stdio: 'ignore', ...account });
  await untilReady(server, join(directory, `.s.PGSQL.${port}`));
  await provideServer(project, { host: directory, port, user: 'entrepot' });
  return async () => {
    server.kill('SIGINT');
    await once(server, 'exit');
    await rm(directory, { recursive: true, force: true });
  };
}

/** PostgreSQL refuses root: then it runs as the user that its package made. */
function accountOf(directory: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (kind: string): number => Number(execFileSync('id', [kind, 'postgres'], { encoding: 'utf8' }));
  const account = { uid: idOf('-u'), gid: idOf('-g') };
  chownSync(directory, account.uid, account.gid);
  return account;
}

async function untilReady(server: ChildProcess, socket: string): Promise<void> {
  for (let tries = 0; tries < 300 && server.exitCode === null; tries++) {
    try {
      accessSync(socket);
      return;
    } catch {
      await sleep(100);
    }
  }
  throw new Error('PostgreSQL did not start');
}
