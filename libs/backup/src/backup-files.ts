import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { translateDatabaseError } from '@entrepot/database/database-error';
import { filesystemError } from '@entrepot/storage/filesystem/filesystem-error';

/** What tells whether a file is still the one that was written. */
export interface FileFacts {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

// of files; what else has a code came from the database
const fileCodes: ReadonlySet<unknown> = new Set(
  'EACCES EDQUOT EEXIST EFBIG EIO EISDIR EMFILE ENFILE ENOENT ENOSPC ENOTDIR EPERM EROFS ESTALE'.split(' '),
);

/** Translates what a file system said (`STORAGE_FULL`, `STORAGE_FAILED`); everything else is returned as it is. */
export function translateFileError(error: unknown, action: string, path: string): unknown {
  const isOfFile = error instanceof Error && 'code' in error && fileCodes.has(error.code);
  return isOfFile ? filesystemError(error, action, path) : error;
}

/** Writes a stream into a new file, compressed (zstd), readable by this user alone, durable when it resolves. */
export async function writeCompressed(path: string, source: Readable): Promise<FileFacts> {
  const facts = new Measure();
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  const file = createWriteStream(path, { mode: 0o600, flush: true });
  try {
    await pipeline(source, compress, facts.pass, file);
  } catch (error) {
    throw translateDatabaseError(translateFileError(error, 'write', path));
  }
  return facts.read();
}

/** What {@link writeCompressed} was given. */
export function readCompressed(path: string): Readable {
  const file = createReadStream(path);
  const text = createZstdDecompress();
  file.on('error', (error) => text.destroy(error));
  return file.pipe(text);
}

/** Reads a file, for its facts only. */
export async function measureFile(path: string): Promise<FileFacts> {
  const facts = new Measure();
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 1024 * 1024 });
  for await (const chunk of chunks) facts.add(chunk);
  return facts.read();
}

/** Writes a small file whole or not at all, readable by this user alone, durable when it resolves. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const unfinished = `${path}.partial`;
  try {
    const file = await open(unfinished, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw translateFileError(error, 'write', path);
  }
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Counts and hashes what goes by. */
class Measure {
  readonly #hash = createHash('sha256');
  #bytes = 0;

  add(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  readonly pass = async function* (this: Measure, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.add(chunk);
      yield chunk;
    }
  }.bind(this);

  read(): FileFacts {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }
}
