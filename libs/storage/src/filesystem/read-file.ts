import { closeSync, openSync, readSync } from 'node:fs';
import type { ByteRange, ChunkConsumer } from '../driver.ts';
import { readAt } from './file-io.ts';
import { filesystemError, systemCode } from './filesystem-error.ts';
import { returnBuffer, smallReadBytes, takeLargeBuffer, takeSmallBuffer } from './read-buffers.ts';

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

/** Whether `bytes` came so fast that they were in the page cache, or as good as: 2 GB/s and a pause of the scheduler. */
function isQuickRead(bytes: number, milliseconds: number): boolean {
  return milliseconds < 1 + bytes / 2e6;
}

/** Goes through a range that is larger than one small read, a piece after the other. */
class LongRead {
  readonly #file: OpenFile;
  readonly #end: number;
  readonly #consume: ChunkConsumer;
  #position: number;
  #isQuick: boolean;

  constructor(file: OpenFile, range: ByteRange, isQuick: boolean, consume: ChunkConsumer) {
    this.#file = file;
    this.#position = range.start;
    this.#end = range.end;
    this.#isQuick = isQuick;
    this.#consume = consume;
  }

  /**
   * Reads on this thread while the page cache answers, which costs half of a trip to the thread pool and back, and on
   * the pool while reads wait for the disk. Where the cache ends is only seen afterwards: one piece, of a buffer at
   * most, has waited on this thread. After that it begins with small ones, since more such ends are likely to come.
   */
  async run(buffer: Buffer): Promise<void> {
    const half = buffer.length / 2;
    const halves = [buffer.subarray(0, half), buffer.subarray(half)] as const;
    if (this.#isQuick && (await this.#readWarm(buffer, buffer.length))) return;
    while (!(await this.#readCold(...halves)) && !(await this.#readWarm(buffer, smallReadBytes)));
  }

  /**
   * Whether it came to the end. Each piece, the first of `length` bytes and the next ones longer, goes where the last
   * one was, which the processor's cache still holds; a client that takes all at once lets others have their turn in
   * between.
   */
  async #readWarm(buffer: Buffer, length: number): Promise<boolean> {
    for (let piece = length; this.#isQuick; piece = Math.min(2 * piece, buffer.length)) {
      const bytes = this.#readNow(buffer.subarray(0, piece));
      if (bytes === 0) return true;
      await this.#consume(buffer.subarray(0, bytes));
      await turn();
    }
    return false;
  }

  /** Whether it came to the end. One half is filled while the other is consumed, neither when this has ended. */
  async #readCold(first: Buffer, second: Buffer): Promise<boolean> {
    let [full, free] = [first, second];
    for (let bytes = await this.#readAhead(full); bytes > 0;) {
      if (this.#isQuick) {
        await this.#consume(full.subarray(0, bytes));
        return false;
      }
      // never rejects on its own: it may fail while nobody awaits it, and outlives a consumer that throws
      const pending = this.#readAhead(free);
      const settled = pending.catch(() => 0);
      try {
        await this.#consume(full.subarray(0, bytes));
      } catch (error) {
        await settled;
        throw error;
      }
      bytes = await pending;
      [full, free] = [free, full];
    }
    return true;
  }

  #readNow(into: Buffer): number {
    const length = this.#lengthOf(into);
    if (length <= 0) return 0;
    const begun = performance.now();
    try {
      return this.#taken(readSync(this.#file.descriptor, into, 0, length, this.#position), begun);
    } catch (error) {
      throw filesystemError(error, 'read', this.#file.path);
    }
  }

  async #readAhead(into: Buffer): Promise<number> {
    const length = this.#lengthOf(into);
    if (length <= 0) return 0;
    const begun = performance.now();
    try {
      return this.#taken(await readAt(this.#file.descriptor, into, length, this.#position), begun);
    } catch (error) {
      throw filesystemError(error, 'read', this.#file.path);
    }
  }

  #lengthOf(into: Buffer): number {
    return Math.min(into.length, this.#end - this.#position);
  }

  #taken(bytes: number, begun: number): number {
    this.#isQuick = isQuickRead(bytes, performance.now() - begun);
    this.#position += bytes;
    return bytes;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function readLong(read: LongRead): Promise<void> {
  const buffer = takeLargeBuffer();
  try {
    await read.run(buffer);
  } finally {
    returnBuffer(buffer);
  }
}

/** What one small read found. `bytes`: `undefined` of a directory. */
interface FirstRead {
  readonly bytes: number | undefined;
  readonly isQuick: boolean;
}

/** A small buffer's worth, by calls on this thread. */
async function readFirst(file: OpenFile, range: ByteRange, consume: ChunkConsumer): Promise<FirstRead> {
  const buffer = takeSmallBuffer();
  try {
    const begun = performance.now();
    const bytes = fill(file, buffer, Math.min(buffer.length, range.end - range.start), range.start);
    const isQuick = isQuickRead(bytes ?? 0, performance.now() - begun);
    const consumed = bytes === undefined || bytes === 0 ? undefined : consume(buffer.subarray(0, bytes));
    if (consumed !== undefined) await consumed;
    return { bytes, isQuick };
  } finally {
    returnBuffer(buffer);
  }
}

/**
 * Hands `range` of the file, clipped to its end, or all of it to `consume`; `false` when there is no such file. Up
 * to 256 KiB cost one open, one read and one close on this thread: a third of what the thread pool or a stream
 * takes. A registry's hot blobs are in the page cache; for others this thread waits for the disk as long.
 */
export async function readFileRange(
  path: string,
  range: ByteRange | undefined,
  consume: ChunkConsumer,
): Promise<boolean> {
  const file = openFile(path);
  if (file === undefined) return false;
  const wanted = range ?? wholeFile;
  try {
    const { bytes, isQuick } = await readFirst(file, wanted, consume);
    if (bytes === smallReadBytes) {
      const rest = { start: wanted.start + bytes, end: wanted.end };
      await readLong(new LongRead(file, rest, isQuick, consume));
    }
    return bytes !== undefined;
  } finally {
    closeSync(file.descriptor);
  }
}
