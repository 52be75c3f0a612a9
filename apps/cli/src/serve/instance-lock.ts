import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';

/** A data directory held by this process. */
export interface InstanceLock {
  release(): Promise<void>;
}

// sun_path holds 104 bytes on macOS, with the NUL
const longestPath = 103;

/**
 * Takes the data directory for this process alone, by a Unix socket that listens in it: it dies with its process,
 * however that ends, so there is nothing to clean up and no process number to mistake. Throws `CONFIG_INVALID`
 * naming the holder when another process has it.
 */
export async function takeInstanceLock(dataDir: string): Promise<InstanceLock> {
  const path = lockPath(dataDir);
  for (let attempt = 1; ; attempt++) {
    const server = await tryToListen(path);
    if (server !== undefined) return toLock(server);
    const holder = await askHolder(path);
    if (holder !== undefined || attempt === 5) throw inUse(dataDir, holder);
    // nobody listens: the file is what a killed process left
    await rm(path, { force: true });
  }
}

/** The number of the process that holds the data directory; `undefined` when none does. */
export async function findInstance(dataDir: string): Promise<string | undefined> {
  return await askHolder(lockPath(dataDir));
}

function lockPath(dataDir: string): string {
  const path = join(dataDir, 'instance.lock');
  if (Buffer.byteLength(path) <= longestPath) return path;
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 24);
  return join(tmpdir(), `entrepot-${name}.lock`);
}

async function tryToListen(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(String(process.pid));
  });
  return await new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => resolve(server));
  });
}

async function askHolder(path: string): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    let answer = '';
    socket.setTimeout(2_000, () => resolve('unknown'));
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.once('error', () => resolve(undefined));
    socket.once('close', (hadError) => resolve(hadError ? undefined : answer));
  });
}

function toLock(server: Server): InstanceLock {
  server.unref();
  // closing removes the file as well
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

function inUse(dataDir: string, holder: string | undefined): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `the data directory ${dataDir} is in use by another Entrepot (process ${holder ?? 'unknown'}): ` +
      'stop that one, or set ENTREPOT_DATA to another directory',
  );
}
