import { chown, mkdtemp, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { canEnter, type DatabaseAccount } from './database-account.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { runProgram, type ProgramResult } from './run-program.ts';

/** The major version of the PostgreSQL that comes with this version of Entrepot. */
export const postgresMajor = 18;

/** The role and the database that are made with the cluster. */
export const databaseUser = 'entrepot';
export const databaseName = 'entrepot';

// 50 MiB when the product is ready; the log takes its next segment, of 16 MiB, with the first pushes
const firstStartBytes = 80 * 1024 * 1024;

/** What {@link createCluster} needs. */
export interface CreateClusterOptions {
  readonly dataDir: string;
  readonly binaries: PostgresBinaries;
  readonly account: DatabaseAccount | undefined;
  /** Off for tests only: a power cut may lose the database. */
  readonly sync: boolean;
}

/** Where the database of this major version lies in the data directory. */
export function clusterDirectory(dataDir: string): string {
  return join(dataDir, `postgres-${postgresMajor}`);
}

/**
 * Whether the database has been made. Throws `CONFIG_INVALID` when the data directory holds one of another major
 * version only: the programs of this one cannot read it.
 */
export async function isClusterCreated(dataDir: string): Promise<boolean> {
  const names = await readdir(dataDir);
  const majors = names.flatMap((name) => /^postgres-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  if (majors.includes(postgresMajor)) return true;
  if (majors.length === 0) return false;
  throw new AppError(
    'CONFIG_INVALID',
    `${dataDir} holds a database of PostgreSQL ${majors.join(' and ')}, and this version of Entrepot brings ` +
      `PostgreSQL ${postgresMajor}: make a backup with the version that wrote it (entrepot backup) and restore it here`,
  );
}

/**
 * Makes the database in a directory of another name and renames it when it is complete and on disk: a process
 * that is killed in the middle leaves nothing that the next start would take for a database. Throws `STORAGE_FULL`
 * before it begins when there is not enough room.
 */
export async function createCluster(options: CreateClusterOptions): Promise<void> {
  const { dataDir, account } = options;
  await removeUnfinished(dataDir);
  await proveRoom(dataDir);
  const work = await mkdtemp(join(dataDir, unfinishedPrefix));
  if (account !== undefined) await chown(work, account.uid, account.gid);
  try {
    await initialise(work, options);
    await rename(work, clusterDirectory(dataDir));
    if (options.sync) await syncDirectory(dataDir);
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

/**
 * How the database directory is named to PostgreSQL, which is started in it. An account that may not enter a
 * directory above it (a checkout in root's home) still may use the working directory that it was given.
 */
export async function directoryArgument(
  clusterDir: string,
  account: DatabaseAccount | undefined,
): Promise<string> {
  if (await canEnter(account, clusterDir)) return clusterDir;
  if (process.platform === 'linux') return '/proc/self/cwd';
  throw new AppError(
    'CONFIG_INVALID',
    `PostgreSQL runs as user ${account?.name ?? ''}, who may not enter ${clusterDir}: ` +
      'set ENTREPOT_DATA to a directory that every user may enter, such as /var/lib/entrepot',
  );
}

async function proveRoom(dataDir: string): Promise<void> {
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  if (free >= firstStartBytes) return;
  throw new AppError(
    'STORAGE_FULL',
    `the first start needs ${inMebibytes(firstStartBytes)} MiB on the disk of the data directory ${dataDir}, and ` +
      `${inMebibytes(free)} MiB are free: make room, or set ENTREPOT_DATA to a directory on another disk`,
  );
}

function inMebibytes(bytes: number): number {
  return Math.floor(bytes / (1024 * 1024));
}

const unfinishedPrefix = 'postgres.new-';

async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    // an initdb that outlived its parent may still be writing: then the next start removes the rest
    if (name.startsWith(unfinishedPrefix))
      await rm(join(dataDir, name), { recursive: true }).catch(() => undefined);
  }
}

async function initialise(directory: string, options: CreateClusterOptions): Promise<void> {
  const { binaries, account } = options;
  const name = await directoryArgument(directory, account);
  const where = { cwd: directory, account };
  const args = ['-D', name, '--username', databaseUser, '--auth-local=trust', '--auth-host=reject'];
  args.push('--locale-provider=builtin', '--locale=C.UTF-8', '--encoding=UTF8', '--data-checksums');
  if (!options.sync) args.push('--no-sync');
  expectSuccess('initdb', await runProgram(binaries.initdb, args, where));
  // single-user mode needs no server, so the database is there from the first start on
  const single = ['--single', '-D', name, ...(options.sync ? [] : ['-F']), 'postgres'];
  const input = `CREATE DATABASE ${databaseName};\n`;
  const made = await runProgram(binaries.postgres, single, { ...where, input });
  expectSuccess(
    'the first start of PostgreSQL',
    /\b(ERROR|FATAL|PANIC):/.test(made.output) ? { ...made, exitCode: 1 } : made,
  );
}

function expectSuccess(what: string, { exitCode, output }: ProgramResult): void {
  if (exitCode === 0) return;
  throw databaseFailure(what, output);
}

const complaint = /^.*?\b(?:error|ERROR|FATAL|PANIC):\s*/;
// the hint alone stands beside a write that was cut short
const noRoom = /no space left on device|disk quota exceeded|check free disk space/i;

/** Translates what a program of PostgreSQL said when it failed: `STORAGE_FULL`, or `UNAVAILABLE` with its words. */
export function databaseFailure(what: string, output: string): AppError {
  if (noRoom.test(output)) {
    return new AppError(
      'STORAGE_FULL',
      'no room is left on the disk of the data directory: make room, then start again',
    );
  }
  const lines = output.trim().split('\n');
  // the first is the cause of those that follow
  const reason = lines.find((line) => complaint.test(line)) ?? lines.at(-1) ?? '';
  return new AppError('UNAVAILABLE', `${what} failed: ${reason.replace(complaint, '')}`);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
