import { constants, createWriteStream } from 'node:fs';
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { ContentStore } from '@entrepot/content-store/content-store';
import { blobKey } from '@entrepot/content-store/layout';
import { isAbsent, type BackupDirectory } from './backup-directory.ts';
import { syncDirectory, translateFileError } from './backup-files.ts';
import type { ListedBlob } from './blob-list.ts';
import { fewAtOnce } from './few-at-once.ts';

const copiesAtOnce = 8;

/** Where blobs come from and go to. */
export interface BlobSource {
  readonly store: ContentStore;
  /** The directory of the storage, when it is one: then a file system that can shares the bytes instead of copying. */
  readonly files: string | undefined;
}

/** What was done about the blobs of a list. */
export interface SavedBlobs {
  readonly count: number;
  readonly bytes: number;
  /** Of those, copied now; the others were there. */
  readonly copied: number;
  readonly copiedBytes: number;
  /** Of live blobs that the storage does not have, or with another size. */
  readonly missing: number;
}

/** Copies the blobs of a list that the directory lacks. Each is durable, and there as a whole or not at all. */
export async function saveBlobs(
  source: BlobSource,
  directory: BackupDirectory,
  blobs: AsyncIterable<ListedBlob>,
): Promise<SavedBlobs> {
  const totals = { count: 0, bytes: 0, copied: 0, copiedBytes: 0, missing: 0 };
  const places = new Places(directory);
  await fewAtOnce(blobs, copiesAtOnce, async (blob) => {
    const path = directory.blobPath(blob.digest);
    const isKept = (await sizeOf(path)) === blob.size;
    if (!isKept && !(await copyBlob(source, blob, await places.make(path)))) {
      if (blob.state === 'live') totals.missing += 1;
      return;
    }
    totals.count += 1;
    totals.bytes += blob.size;
    if (isKept) return;
    totals.copied += 1;
    totals.copiedBytes += blob.size;
  });
  await places.sync();
  return totals;
}

/** Bytes of a file; `undefined` when it is not there. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw translateFileError(error, 'look at', path);
  }
}

/** Copies one blob; `false` when the storage has not got it as it should be. */
async function copyBlob(source: BlobSource, { digest, size }: ListedBlob, path: string): Promise<boolean> {
  const unfinished = `${path}.partial`;
  try {
    if (source.files === undefined) await readInto(unfinished, source.store, digest);
    else {
      await copyFile(join(source.files, blobKey(digest)), unfinished, constants.COPYFILE_FICLONE);
      await syncFile(unfinished);
    }
    if ((await sizeOf(unfinished)) !== size) {
      await rm(unfinished, { force: true });
      return false;
    }
    await rename(unfinished, path);
    return true;
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    if (isAbsent(error)) return false;
    throw translateFileError(error, 'copy a blob to', path);
  }
}

async function readInto(path: string, store: ContentStore, digest: ListedBlob['digest']): Promise<void> {
  const file = createWriteStream(path, { mode: 0o600, flush: true });
  const ended = finished(file);
  // it is awaited below; until then nobody may take it for unhandled
  ended.catch(() => undefined);
  try {
    await store.read(digest, undefined, (chunk) => writeChunk(file, Buffer.from(chunk)));
  } finally {
    file.end();
    await ended;
  }
}

function writeChunk(file: NodeJS.WritableStream, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    file.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The directories that blobs are written into: at most 256 for an algorithm. */
class Places {
  readonly #directory: BackupDirectory;
  readonly #made = new Map<string, Promise<unknown>>();

  constructor(directory: BackupDirectory) {
    this.#directory = directory;
  }

  /** Makes the place of a path, once; returns the path. */
  async make(path: string): Promise<string> {
    const place = dirname(path);
    const made = this.#made.get(place) ?? mkdir(place, { recursive: true, mode: 0o700 });
    this.#made.set(place, made);
    try {
      await made;
    } catch (error) {
      throw translateFileError(error, 'make', place);
    }
    return path;
  }

  /** Makes everything that was put there durable. */
  async sync(): Promise<void> {
    const places = [...this.#made.keys()];
    const above = new Set(places.map((place) => dirname(place)));
    for (const place of [...places, ...above]) await syncDirectory(place);
    if (places.length > 0) await syncDirectory(this.#directory.blobs);
    await syncDirectory(this.#directory.root);
  }
}
