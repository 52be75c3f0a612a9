import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { findFileOwner } from '@entrepot/files/file-owner';
import { makeDirectories } from '@entrepot/files/make-directories';

// as much as a start writes before anything else does
const probeBytes = 256 * 1024;

/**
 * Makes the data directory if it is not there, for the owner of the directory above it when root does, and proves that
 * it takes bytes. Throws `CONFIG_INVALID` when it cannot be written and `STORAGE_FULL` when there is no room.
 */
export async function makeDataDirectory(dataDir: string): Promise<void> {
  const directory = resolve(dataDir);
  try {
    makeDirectories(directory, modeOf(directory));
    await proveWritable(directory);
  } catch (cause) {
    throw translate(dataDir, cause);
  }
}

// another account must pass through root's own to reach the database
function modeOf(directory: string): number {
  return process.getuid?.() === 0 && findFileOwner(directory) === undefined ? 0o711 : 0o700;
}

async function proveWritable(dataDir: string): Promise<void> {
  const probe = await mkdtemp(join(dataDir, '.write-test-'));
  try {
    await writeFile(join(probe, 'bytes'), Buffer.alloc(probeBytes), { flush: true });
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

function translate(dataDir: string, cause: unknown): AppError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message = `no room is left on the disk of the data directory ${dataDir}: make room, then start again`;
    return new AppError('STORAGE_FULL', message, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AppError(
    'CONFIG_INVALID',
    `the data directory ${dataDir} cannot be written (${reason}): give this user the right to, or set ENTREPOT_DATA to another directory`,
    { cause },
  );
}
