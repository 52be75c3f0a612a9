import { createHash, randomBytes } from 'node:crypto';
import { lchown, readdir, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@entrepot/errors/app-error';
import { findFileOwner, type FileOwner } from '@entrepot/files/file-owner';

/** A data directory held by this process. */
export interface InstanceLock {
  release(): Promise<void>;
}

// sun_path holds 104 bytes on macOS, with the NUL
const longestPath = 103;
const patienceMs = 5_000;

/** The sockets of one data directory: `<prefix>.<id>.lock`. */
interface LockPlace {
  readonly directory: string;
  readonly prefix: string;
}

/** A process that listens for a data directory. `waits`: it does not know yet whether it may have it. */
interface Contender {
  readonly pid: string;
  readonly state: 'holds' | 'waits';
}

/**
 * Takes the data directory for this process alone, by a Unix socket that listens in it: it dies with its process,
 * however that ends, so there is no process number to mistake. Throws `CONFIG_INVALID` naming the holder when
 * another process has it.
 *
 * Each process shows a socket with a name of its own before it looks for those of others. So of two that start at
 * once at least one sees the other, and what a killed process left can be removed without hitting a fresh socket.
 */
export async function takeInstanceLock(dataDir: string): Promise<InstanceLock> {
  const place = lockPlace(dataDir);
  const own = await OwnSocket.show(place, findFileOwner(dataDir));
  try {
    for (const path of await listSockets(place)) {
      if (path !== own.path) await outlast(path, own.path, dataDir);
    }
  } catch (error) {
    await own.release();
    throw error;
  }
  own.state = 'holds';
  return own;
}

/** The number of the process that holds the data directory; `undefined` when none does. */
export async function findInstance(dataDir: string): Promise<string | undefined> {
  for (const path of await listSockets(lockPlace(dataDir))) {
    const found = await ask(path);
    if (found?.state === 'holds') return found.pid;
  }
  return undefined;
}

/** The socket by which this process says that it has the data directory, or would like to. */
class OwnSocket implements InstanceLock {
  readonly path: string;
  state: Contender['state'] = 'waits';
  readonly #server: Server;

  private constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${process.pid} ${this.state}`);
    });
    this.#server.unref();
  }

  static async show(place: LockPlace, owner: FileOwner | undefined): Promise<OwnSocket> {
    const id = randomBytes(8).toString('hex');
    const own = new OwnSocket(socketPath(place, id));
    // between bind and listen a socket looks like one whose process is dead: it gets its name after both
    const hidden = join(place.directory, `${place.prefix}.${id}.new`);
    await new Promise<void>((resolve, reject) => {
      own.#server.once('error', reject);
      own.#server.listen(hidden, resolve);
    });
    // who may not connect can not tell whether anybody listens
    if (owner !== undefined) await lchown(hidden, owner.uid, owner.gid);
    await rename(hidden, own.path);
    return own;
  }

  async release(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.path, { force: true });
  }
}

/** Waits until another socket is gone; throws when it has the data directory, or goes first. */
async function outlast(path: string, ownPath: string, dataDir: string): Promise<void> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const found = await ask(path);
    if (found === undefined) break;
    // of two that wait the one whose name sorts first goes first: the other gives up, so nobody waits in a circle
    if (found.state === 'holds' || path < ownPath || Date.now() > end) throw inUse(dataDir, found.pid);
    await sleep(20);
  }
  await rm(path, { force: true });
}

function lockPlace(dataDir: string): LockPlace {
  const place = { directory: dataDir, prefix: 'instance' };
  if (Buffer.byteLength(socketPath(place, '0'.repeat(16))) <= longestPath) return place;
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 24);
  return { directory: tmpdir(), prefix: `entrepot-${name}` };
}

function socketPath({ directory, prefix }: LockPlace, id: string): string {
  return join(directory, `${prefix}.${id}.lock`);
}

async function listSockets({ directory, prefix }: LockPlace): Promise<string[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    // commands may come before the first start
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => name.startsWith(`${prefix}.`) && name.endsWith('.lock'))
    .map((name) => join(directory, name));
}

/** Who listens at a socket; `undefined` when nobody does. */
async function ask(path: string): Promise<Contender | undefined> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    let answer = '';
    // stopped, perhaps, but there
    socket.setTimeout(2_000, () => {
      socket.destroy();
      resolve({ pid: 'unknown', state: 'holds' });
    });
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.once('error', (error) => resolve(isGone(error) ? undefined : { pid: 'unknown', state: 'waits' }));
    socket.once('close', () => {
      const [pid = 'unknown', state] = answer.split(' ');
      resolve({ pid, state: state === 'holds' ? 'holds' : 'waits' });
    });
  });
}

function isGone(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT');
}

function inUse(dataDir: string, holder: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `the data directory ${dataDir} is in use by another Entrepot (process ${holder}): ` +
      'stop that one, or set ENTREPOT_DATA to another directory',
  );
}
