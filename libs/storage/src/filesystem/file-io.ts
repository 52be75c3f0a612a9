import { closeSync, fdatasync, fsync, openSync, read, writev, writevSync } from 'node:fs';
import { promisify } from 'node:util';

/** Below this many bytes a system call on this thread is cheaper than a trip to the thread pool. */
export const smallBytes = 64 * 1024;

/** fdatasync(2) on the thread pool: a sync waits for the disk and must never hold the event loop. */
export const syncData: (descriptor: number) => Promise<void> = promisify(fdatasync);
const syncAll: (descriptor: number) => Promise<void> = promisify(fsync);

/** fsync(2) of a directory: makes the entries that were made in it durable. */
export async function syncDirectory(path: string): Promise<void> {
  const descriptor = openSync(path, 'r');
  try {
    await syncAll(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** One pread(2) on the thread pool; resolves to the bytes read, 0 at the end of the file. */
export function readAt(descriptor: number, into: Buffer, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, into, 0, length, position, (error, bytesRead) => {
      if (error === null) resolve(bytesRead);
      else reject(error);
    });
  });
}

function writeOnce(descriptor: number, chunks: readonly Buffer[]): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(descriptor, [...chunks], (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}

/** What is left of `chunks` when their first `written` bytes are gone. */
function withoutFirst(chunks: readonly Buffer[], written: number): Buffer[] {
  const left: Buffer[] = [];
  let skip = written;
  for (const chunk of chunks) {
    if (skip < chunk.length) left.push(skip === 0 ? chunk : chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.length);
  }
  return left;
}

/**
 * Writes all of `chunks` (`total` bytes) at the descriptor's position. A short write is what a disk that fills up
 * answers first: the rest is tried again, so that the reason comes as an error.
 */
export async function writeAll(descriptor: number, chunks: readonly Buffer[], total: number): Promise<void> {
  const small = total <= smallBytes;
  let left = chunks;
  let bytes = total;
  while (bytes > 0) {
    const written = small ? writevSync(descriptor, [...left]) : await writeOnce(descriptor, left);
    bytes -= written;
    if (bytes > 0) left = withoutFirst(left, written);
  }
}
