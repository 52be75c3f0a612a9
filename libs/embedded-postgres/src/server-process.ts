import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFileOwner, giveDescriptor } from '@entrepot/files/file-owner';
import { databaseFailure } from './cluster-directory.ts';
import type { DatabaseAccount } from './database-account.ts';
import type { PostgresLog } from './log.ts';
import { readPostmasterFile } from './postmaster.ts';
import { programEnvironment } from './run-program.ts';

const rotateAbove = 2 * 1024 * 1024;
const stillDying = /pre-existing shared memory block|lock file "postmaster.pid" already exists/;
const truncateAbove = 16 * 1024 * 1024;

/** How a server is started. */
export interface ServerLaunch {
  readonly program: string;
  readonly args: readonly string[];
  readonly clusterDir: string;
  readonly account: DatabaseAccount | undefined;
  /** What PostgreSQL says goes here. */
  readonly logFile: string;
  readonly log: PostgresLog;
}

/**
 * Starts the server in a session of its own, so that Ctrl-C in a terminal does not reach it, and resolves when
 * it takes connections. Recovery after a crash may be long: it is waited for while the process lives. A server
 * that was killed holds its memory and its number until the last of it is gone: then it is tried again. `onSpawn` hears
 * of each process before it is ready, for who must be able to stop it.
 */
export async function launchServer(
  launch: ServerLaunch,
  onSpawn?: (child: ChildProcess) => void,
): Promise<ChildProcess> {
  const end = Date.now() + 30_000;
  for (;;) {
    const outcome = await launchOnce(launch, onSpawn);
    if (typeof outcome !== 'string') return outcome;
    if (!stillDying.test(outcome) || Date.now() > end) {
      throw databaseFailure('PostgreSQL', outcome);
    }
    await sleep(200);
  }
}

/** Keeps the log of a server that runs for long within bounds. PostgreSQL appends, so it goes on at the start. */
export function limitLog(logFile: string): void {
  if (sizeOf(logFile) > truncateAbove) truncateSync(logFile);
}

/** Ends the server: fast shutdown, then an immediate one, then by force; each with its share of the time. */
export async function endServer(child: ChildProcess, patienceMs: number): Promise<void> {
  const steps = [
    ['SIGINT', patienceMs],
    ['SIGQUIT', 6_000],
    ['SIGKILL', 2_000],
  ] as const;
  for (const [signal, milliseconds] of steps) {
    if (hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await Promise.race([ended, sleep(milliseconds, undefined, { ref: false })]);
  }
}

/** Whether the process of the server is gone. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** The process when the server is ready, what it said when it ended instead. */
async function launchOnce(
  launch: ServerLaunch,
  onSpawn?: (child: ChildProcess) => void,
): Promise<ChildProcess | string> {
  rotateLog(launch.logFile);
  const before = sizeOf(launch.logFile);
  const child = spawnServer(launch);
  onSpawn?.(child);
  try {
    await Promise.race([once(child, 'exit'), becomesReady(child, launch)]);
  } catch (error) {
    return String(error);
  }
  return hasEnded(child) ? readFileSync(launch.logFile).subarray(before).toString('utf8') : child;
}

async function becomesReady(child: ChildProcess, { clusterDir, log }: ServerLaunch): Promise<void> {
  let sayAt = Date.now() + 10_000;
  while (child.pid !== undefined && !hasEnded(child)) {
    const postmaster = await readPostmasterFile(clusterDir);
    if (postmaster?.pid === child.pid && postmaster?.status === 'ready') return;
    if (Date.now() > sayAt) {
      sayAt = Infinity;
      log.info({}, 'PostgreSQL is still starting: it replays its log after a crash');
    }
    await sleep(20);
  }
}

function spawnServer({ program, args, clusterDir, account, logFile }: ServerLaunch): ChildProcess {
  const output = openLog(logFile);
  try {
    return spawn(program, args, {
      cwd: clusterDir,
      env: programEnvironment,
      detached: true,
      stdio: ['ignore', output, output],
      ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
    });
  } finally {
    closeSync(output);
  }
}

/** A log that is there may be a link of the directory's owner to anywhere: only a new one is given away. */
function openLog(logFile: string): number {
  const owner = findFileOwner(dirname(logFile));
  if (owner !== undefined && !existsSync(logFile)) {
    const made = openSync(logFile, 'wx', 0o600);
    giveDescriptor(made, owner);
    closeSync(made);
  }
  return openSync(logFile, 'a', 0o600);
}

function rotateLog(logFile: string): void {
  if (sizeOf(logFile) > rotateAbove) renameSync(logFile, `${logFile}.1`);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
