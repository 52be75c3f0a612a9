import { randomUUID } from 'node:crypto';
import { closeSync, linkSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { syncData, syncDirectory } from './file-io.ts';
import { filesystemError, systemCode } from './filesystem-error.ts';
import { unlinkFile } from './unlink-file.ts';

const withoutLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Makes `root` and what is missing above it, and the entries of those that it made durable. */
async function makeDurably(root: string): Promise<void> {
  const topmost = mkdirSync(root, { recursive: true, mode: 0o700 });
  if (topmost === undefined) return;
  let made = root;
  while (made !== dirname(topmost)) {
    made = dirname(made);
    await syncDirectory(made);
  }
}

async function writeProbe(path: string): Promise<void> {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    writeSync(descriptor, 'entrepot');
    await syncData(descriptor);
  } finally {
    closeSync(descriptor);
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
 * Makes `root`, durably, and tries in it what the driver does: write, sync, link, remove.
 *
 * @throws AppError `STORAGE_FULL` or `STORAGE_FAILED` with cause and fix.
 */
export async function probeDirectory(root: string): Promise<void> {
  const path = join(root, `probe~${randomUUID()}`);
  try {
    await makeDurably(root);
    await writeProbe(path);
    linkProbe(path, root);
    await syncDirectory(root);
  } catch (error) {
    throw filesystemError(error, 'use', root);
  } finally {
    unlinkFile(path);
    unlinkFile(`${path}.link`);
  }
}
