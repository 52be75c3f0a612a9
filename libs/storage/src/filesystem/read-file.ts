import { closeSync, openSync, readSync } from 'node:fs';
import type { ByteRange, ChunkConsumer } from '../driver.ts';
import { readAt } from './file-io.ts';
import { filesystemError, systemCode } from './filesystem-error.ts';
import { readBufferBytes, returnReadBuffer, takeReadBuffer } from './read-buffers.ts';

/** Says that there is no such file, or that the path is a directory, which is no object either. */
const absent: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

const wholeFile: ByteRange = { start: 0, end: Number.MAX_SAFE_INTEGER };

interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
}

function openFile(path: string): OpenFile | undefined {
  try {
    return { path, descriptor: openSync(path, 'r') };
  } catch (error) {
    if (absent.has(systemCode(error) ?? '')) return undefined;
    throw filesystemError(error, 'open', path);
  }
}

/** Fills `buffer` with up to `length` bytes from `position`; fewer only at the end; `undefined`: a directory. */
function fill(file: OpenFile, buffer: Buffer, length: number, position: number): number | undefined {
  let filled = 0;
  try {
    while (filled < length) {
      const bytes = readSync(file.descriptor, buffer, filled, length - filled, position + filled);
      if (bytes === 0) break;
      filled += bytes;
    }
    return filled;
  } catch (error) {
    if (absent.has(systemCode(error) ?? '')) return undefined;
    throw filesystemError(error, 'read', file.path);
  }
}

const quickMs = 1;

/**
 * Reads on this thread while the page cache answers, which costs half of a trip to the thread pool and back; once a
 * read has waited for the disk, the others go to the pool, so that a cold disk never holds the event loop.
 */
class ReadAhead {
  readonly #file: OpenFile;
  #isQuick = true;

  constructor(file: OpenFile) {
    this.#file = file;
  }

  async read(into: Buffer, length: number, position: number): Promise<number> {
    const { descriptor, path } = this.#file;
    if (length <= 0) return 0;
    try {
      if (!this.#isQuick) return await readAt(descriptor, into, length, position);
      const begun = performance.now();
      const bytes = readSync(descriptor, into, 0, length, position);
      this.#isQuick = performance.now() - begun < quickMs;
      return bytes;
    } catch (error) {
      throw filesystemError(error, 'read', path);
    }
  }
}

/**
 * Hands the bytes of `range` to `consume`, one buffer being filled while the other is consumed.
 * When it ends, neither a read nor the consumer can touch them any more.
 */
async function readOn(
  file: OpenFile,
  range: ByteRange,
  buffers: readonly [Buffer, Buffer],
  consume: ChunkConsumer,
): Promise<void> {
  const ahead = new ReadAhead(file);
  let [full, free] = buffers;
  let position = range.start;
  let pending = ahead.read(full, Math.min(readBufferBytes, range.end - position), position);
  for (let bytes = await pending; bytes > 0; bytes = await pending) {
    position += bytes;
    pending = ahead.read(free, Math.min(readBufferBytes, range.end - position), position);
    // settles without a rejection: it may fail while nobody awaits it, and outlives a consumer that throws
    const settled = pending.catch(() => 0);
    try {
      await consume(full.subarray(0, bytes));
    } catch (error) {
      await settled;
      throw error;
    }
    [full, free] = [free, full];
  }
}

async function readLong(file: OpenFile, range: ByteRange, first: Buffer, consume: ChunkConsumer) {
  const second = takeReadBuffer();
  try {
    await readOn(file, range, [first, second], consume);
  } finally {
    returnReadBuffer(second);
  }
}

/** The first buffer's worth, by calls on this thread. `undefined`: the path is a directory. */
async function readFirst(file: OpenFile, range: ByteRange, buffer: Buffer, consume: ChunkConsumer) {
  const bytes = fill(file, buffer, Math.min(readBufferBytes, range.end - range.start), range.start);
  const consumed = bytes === undefined || bytes === 0 ? undefined : consume(buffer.subarray(0, bytes));
  if (consumed !== undefined) await consumed;
  return bytes;
}

/**
 * Hands `range` of the file, clipped to its end, or all of it to `consume`; `false` when there is no such file. Up
 * to 256 KiB cost one open, one read and one close on this thread: a third of what the thread pool or a stream
 * takes (the page cache answers, and a registry's hot blobs are in it). What goes beyond is read ahead.
 */
export async function readFileRange(
  path: string,
  range: ByteRange | undefined,
  consume: ChunkConsumer,
): Promise<boolean> {
  const file = openFile(path);
  if (file === undefined) return false;
  const wanted = range ?? wholeFile;
  const buffer = takeReadBuffer();
  try {
    const bytes = await readFirst(file, wanted, buffer, consume);
    if (bytes === readBufferBytes) {
      await readLong(file, { start: wanted.start + bytes, end: wanted.end }, buffer, consume);
    }
    return bytes !== undefined;
  } finally {
    closeSync(file.descriptor);
    returnReadBuffer(buffer);
  }
}
