import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AppError } from '@entrepot/errors/app-error';
import type { PostgresLog } from './log.ts';

/** What PostgreSQL writes about its running server into the database directory. */
export interface Postmaster {
  readonly pid: number;
  /** Absent while it is starting. */
  readonly socketDir: string | undefined;
  readonly status: string | undefined;
}

/** Reads `postmaster.pid`, whether or not its process still lives. PostgreSQL alone writes and removes it. */
export async function readPostmasterFile(clusterDir: string): Promise<Postmaster | undefined> {
  let text: string;
  try {
    text = await readFile(join(clusterDir, 'postmaster.pid'), 'utf8');
  } catch {
    return undefined;
  }
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, socketDir: lines[4] || undefined, status: lines[7] || undefined };
}

/** The server that runs on this database directory: alive, and not another process that has its number now. */
export async function findPostmaster(clusterDir: string): Promise<Postmaster | undefined> {
  const postmaster = await readPostmasterFile(clusterDir);
  if (postmaster === undefined || !isAlive(postmaster.pid)) return undefined;
  return (await worksIn(postmaster.pid, clusterDir)) ? postmaster : undefined;
}

/**
 * Stops the server that an earlier run left behind, or waits for the end of one that is already stopping.
 * A fast shutdown first; an immediate one when that takes longer than `patienceMs` (the log is replayed then).
 */
export async function stopOrphan(clusterDir: string, log: PostgresLog, patienceMs = 30_000): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const orphan = await findPostmaster(clusterDir);
    if (orphan === undefined) return;
    log.info(
      { pid: orphan.pid, status: orphan.status },
      'stopping the PostgreSQL that an earlier run left behind',
    );
    send(orphan.pid, signal);
    if (await isGoneWithin(clusterDir, patienceMs)) return;
  }
  throw new AppError(
    'UNAVAILABLE',
    `the PostgreSQL that an earlier run left behind in ${clusterDir} does not stop: end it, then start again`,
  );
}

/** Whether a process of that number exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if (!isAlive(pid)) return;
    throw new AppError(
      'CONFIG_INVALID',
      `the database is in use by a PostgreSQL (process ${pid}) of another user: start as that user, or stop it`,
      { cause },
    );
  }
}

async function isGoneWithin(clusterDir: string, milliseconds: number): Promise<boolean> {
  const end = Date.now() + milliseconds;
  while (Date.now() < end) {
    if ((await findPostmaster(clusterDir)) === undefined) return true;
    await sleep(50);
  }
  return false;
}

// The server's working directory is its database directory.
async function worksIn(pid: number, clusterDir: string): Promise<boolean> {
  if (process.platform !== 'linux') return await isNamedInItsArguments(pid, clusterDir);
  try {
    const [its, ours] = await Promise.all([stat(`/proc/${pid}/cwd`), stat(clusterDir)]);
    return its.dev === ours.dev && its.ino === ours.ino;
  } catch (error) {
    // another user's process cannot be looked into: believe the file, and let the signal tell
    return error instanceof Error && 'code' in error && error.code === 'EACCES';
  }
}

async function isNamedInItsArguments(pid: number, clusterDir: string): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
    return stdout.includes(clusterDir);
  } catch {
    return false;
  }
}
