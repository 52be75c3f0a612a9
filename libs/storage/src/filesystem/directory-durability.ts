import { closeSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { giveDescriptor, giveDirectory, type FileOwner } from '@entrepot/files/file-owner';
import { makeDirectories } from '@entrepot/files/make-directories';
import { syncDirectory } from './file-io.ts';
import { systemCode } from './filesystem-error.ts';

const mostKnown = 4096;

/**
 * Makes directories, and makes entries in them durable. A file's directory and that directory's parent are synced
 * every time: collection removes a directory that became empty, so nothing may be remembered of it. What lies
 * above is never removed, so once its entry is durable it is remembered, and a publish of a blob costs two
 * directory syncs instead of four.
 *
 * The root and the directories right below it, once seen, are never made again: when they are gone, so is the volume
 * that held them, and what was written instead would vanish under it when it is mounted again.
 */
export class DirectoryDurability {
  readonly #root: string;
  readonly #known = new Set<string>();
  readonly #seen = new Set<string>();
  #owner: FileOwner | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Remembers what is right below the root, which is there, and to whom what is made below it has to be given. */
  learn(owner: FileOwner | undefined): void {
    this.#owner = owner;
    for (const entry of readdirSync(this.#root, { withFileTypes: true })) {
      if (entry.isDirectory()) this.#seen.add(join(this.#root, entry.name));
    }
  }

  /**
   * Throws when what was seen right below the root is gone.
   *
   * @throws AppError `STORAGE_FAILED`
   */
  assertMounted(): void {
    for (const top of this.#seen) {
      if (!existsSync(top)) throw gone(this.#root);
    }
  }

  /**
   * Makes `directory` and what is missing above it, but for the root.
   *
   * @throws AppError `STORAGE_FAILED` when the root is gone, or what was seen right below it.
   */
  make(directory: string): void {
    if (directory === this.#root || dirname(directory) === this.#root) {
      this.#makeTop(directory);
      return;
    }
    try {
      mkdirSync(directory, { mode: 0o700 });
      if (this.#owner !== undefined) giveDirectory(directory, this.#owner);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EEXIST') return;
      if (code !== 'ENOENT') throw error;
      this.#makeTop(this.#topOf(directory));
      this.#forgetMissing(dirname(directory));
      this.#makeWithParents(directory);
    }
  }

  /** Gives a file that was just made to whom the storage belongs, and returns its descriptor; closes it when it throws. */
  give(descriptor: number): number {
    if (this.#owner === undefined) return descriptor;
    try {
      giveDescriptor(descriptor, this.#owner);
      return descriptor;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  #makeWithParents(directory: string): void {
    if (this.#owner === undefined) mkdirSync(directory, { recursive: true, mode: 0o700 });
    else makeDirectories(directory, 0o700);
  }

  /** Makes a directory right below the root, which nobody removes: one that was there and is not went with its volume. */
  #makeTop(directory: string): void {
    if (!existsSync(this.#root)) throw gone(this.#root);
    if (!existsSync(directory)) {
      if (this.#seen.has(directory)) throw gone(this.#root);
      this.#makeWithParents(directory);
    }
    if (directory !== this.#root) this.#seen.add(directory);
  }

  #topOf(directory: string): string {
    let top = directory;
    while (dirname(top) !== this.#root) top = dirname(top);
    return top;
  }

  /** What is made again, because a hand removed it, has to be made durable again. */
  #forgetMissing(directory: string): void {
    for (
      let missing = directory;
      missing !== this.#root && !existsSync(missing);
      missing = dirname(missing)
    ) {
      this.#known.delete(missing);
    }
  }

  /** Makes the entry of `file`, and of every directory from the root to it, durable; in parallel. */
  async sync(file: string): Promise<void> {
    const directory = dirname(file);
    const syncs = [syncDirectory(directory)];
    const learned: string[] = [];
    let child = directory;
    while (child !== this.#root) {
      if (child !== directory && this.#known.has(child)) break;
      if (child !== directory) learned.push(child);
      child = dirname(child);
      syncs.push(syncDirectory(child));
    }
    await settleAll(syncs);
    if (this.#known.size + learned.length > mostKnown) this.#known.clear();
    for (const durable of learned) this.#known.add(durable);
  }
}

function gone(root: string): AppError {
  return new AppError(
    'STORAGE_FAILED',
    `the storage directory ${root} is gone, or what was in it: is its volume mounted? Mount it again; if it was emptied on purpose, restart`,
  );
}

/** As Promise.all, but rejects only when none is running any more. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
