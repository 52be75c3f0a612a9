import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestAlgorithm, digestHex } from '@entrepot/oci/digest';
import { listNames, type BackupDirectory } from './backup-directory.ts';
import { manifestName, readManifest } from './backup-manifest.ts';
import { readBlobList } from './blob-list.ts';

/** What was removed. */
export interface Pruned {
  readonly generations: number;
  readonly blobs: number;
}

/**
 * Removes what no backup needs: all generations but the newest `keep` complete ones, and blobs that none of those
 * names. Called when a new one is complete, by the only backup that runs. Memory: the blobs of one of 512 parts.
 */
export async function prune(directory: BackupDirectory, keep: number): Promise<Pruned> {
  const all = await directory.listGenerations();
  const kept = all.filter(({ isComplete }) => isComplete).slice(-keep);
  const gone = all.filter((generation) => !kept.includes(generation));
  for (const { name } of gone) await directory.removeGeneration(name);
  const lists = await Promise.all(kept.map(({ name }) => openList(directory, name)));
  const parts = lists.map((list) => new PartReader(list));
  try {
    return { generations: gone.length, blobs: await pruneBlobs(directory, parts) };
  } finally {
    for (const part of parts) await part.close();
  }
}

async function pruneBlobs(directory: BackupDirectory, lists: readonly PartReader[]): Promise<number> {
  let removed = 0;
  for (const part of listParts()) {
    const needed = new Set<string>();
    for (const list of lists) await list.take(part, needed);
    const there = await listNames(join(directory.blobs, part));
    const unneeded = there.filter((name) => !needed.has(name));
    for (const name of unneeded) await rm(join(directory.blobs, part, name), { force: true });
    removed += unneeded.length;
  }
  return removed;
}

/** Every directory that may hold blobs, in the order of their lists. */
function listParts(): string[] {
  const numbers = Array.from({ length: 256 }, (_, number) => number.toString(16).padStart(2, '0'));
  return ['sha256', 'sha512'].flatMap((algorithm) => numbers.map((number) => join(algorithm, number)));
}

async function openList(
  directory: BackupDirectory,
  generation: string,
): Promise<AsyncGenerator<Entry, void>> {
  const { blobs } = await readManifest(directory.path(generation, manifestName));
  return readEntries(blobs === undefined ? undefined : directory.path(generation, blobs.list.path));
}

/** A blob by where it is: the directory below that of the blobs, and its name in it. */
interface Entry {
  readonly part: string;
  readonly name: string;
}

async function* readEntries(path: string | undefined): AsyncGenerator<Entry, void> {
  if (path === undefined) return;
  for await (const { digest } of readBlobList(path)) {
    const name = digestHex(digest);
    yield { part: join(digestAlgorithm(digest), name.slice(0, 2)), name };
  }
}

/** Reads a sorted list part by part. */
class PartReader {
  readonly #entries: AsyncGenerator<Entry, void>;
  #next: Entry | undefined;
  #hasBegun = false;

  constructor(entries: AsyncGenerator<Entry, void>) {
    this.#entries = entries;
  }

  /** Adds the names of a part, which comes after all that were asked for before. */
  async take(part: string, names: Set<string>): Promise<void> {
    if (!this.#hasBegun) await this.#step();
    this.#hasBegun = true;
    while (this.#next?.part === part) {
      names.add(this.#next.name);
      await this.#step();
    }
  }

  async close(): Promise<void> {
    await this.#entries.return(undefined);
  }

  async #step(): Promise<void> {
    const next = await this.#entries.next();
    this.#next = next.done === true ? undefined : next.value;
  }
}
