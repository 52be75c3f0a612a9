import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';

// as much as a start writes before anything else does
const probeBytes = 256 * 1024;

/**
 * Makes the data directory if it is not there, and proves that it takes bytes. Throws `CONFIG_INVALID` when it
 * cannot be written and `STORAGE_FULL` when there is no room.
 */
export async function makeDataDirectory(dataDir: string): Promise<void> {
  // another account must pass through it to reach the database when root starts the product
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  try {
    await mkdir(dataDir, { recursive: true, mode });
    await proveWritable(dataDir);
  } catch (cause) {
    throw translate(dataDir, cause);
  }
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
