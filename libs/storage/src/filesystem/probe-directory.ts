import { randomUUID } from 'node:crypto';
import { closeSync, linkSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { findFileOwner, giveDescriptor, type FileOwner } from '@entrepot/files/file-owner';
import { makeDirectories } from '@entrepot/files/make-directories';
import { syncData, syncDirectory } from './file-io.ts';
import { filesystemError, systemCode } from './filesystem-error.ts';
import { unlinkFile } from './unlink-file.ts';

const withoutLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Makes `root` and what is missing above it, and the entries of those that it made durable. */
async function makeDurably(root: string): Promise<void> {
  const topmost = makeDirectories(root, 0o700);
  if (topmost === undefined) return;
  let made = root;
  while (made !== dirname(topmost)) {
    made = dirname(made);
    await syncDirectory(made);
  }
}

/** To whom what is made in the directory of `path` can be given, if it has to be. */
async function writeProbe(path: string): Promise<FileOwner | undefined> {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    writeSync(descriptor, 'entrepot');
    await syncData(descriptor);
    const owner = findFileOwner(dirname(path));
    return owner !== undefined && mayGive(descriptor, owner) ? owner : undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** Not on a file system that has no owners, or that maps root to somebody else: there all files have one user. */
function mayGive(descriptor: number, owner: FileOwner): boolean {
  try {
    giveDescriptor(descriptor, owner);
    return true;
  } catch {
    return false;
  }
}

function linkProbe(path: string, root: string): void {
  try {
    linkSync(path, `${path}.link`);
  } catch (error) {
    if (!withoutLinks.has(systemCode(error) ?? '')) throw error;
    throw new AppError(
      'STORAGE_FAILED',
      `the file system of ${root} has no hard links, which publish an upload atomically: use one that has (ext4, XFS, Btrfs, ZFS, NFS)`,
      { cause: error },
    );
  }
}

/**
 * Makes `root`, durably, and tries in it what the driver does: write, sync, link, remove. Returns to whom the driver
 * has to give what it makes there: that is the owner of `root` when this process is root and he is not.
 *
 * @throws AppError `STORAGE_FULL` or `STORAGE_FAILED` with cause and fix.
 */
export async function probeDirectory(root: string): Promise<FileOwner | undefined> {
  const path = join(root, `probe~${randomUUID()}`);
  try {
    await makeDurably(root);
    const owner = await writeProbe(path);
    linkProbe(path, root);
    await syncDirectory(root);
    return owner;
  } catch (error) {
    throw systemCode(error) === 'ENOENT' ? cannotBeMade(root, error) : filesystemError(error, 'use', root);
  } finally {
    unlinkFile(path);
    unlinkFile(`${path}.link`);
  }
}

// procfs says so of any directory
function cannotBeMade(root: string, cause: unknown): AppError {
  const message = `the storage directory ${root} cannot be made: its file system makes no directories there, choose another one`;
  return new AppError('STORAGE_FAILED', message, { cause });
}
