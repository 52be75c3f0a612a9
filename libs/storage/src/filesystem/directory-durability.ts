import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from './file-io.ts';
import { systemCode } from './filesystem-error.ts';

const mostKnown = 4096;

/**
 * Makes directories, and makes entries in them durable. A file's directory and that directory's parent are synced
 * every time: collection removes a directory that became empty, so nothing may be remembered of it. What lies
 * above is never removed, so once its entry is durable it is remembered, and a publish of a blob costs two
 * directory syncs instead of four.
 */
export class DirectoryDurability {
  readonly #root: string;
  readonly #known = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes `directory` and what is missing above it. */
  make(directory: string): void {
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EEXIST') return;
      if (code !== 'ENOENT') throw error;
      this.#forgetMissing(dirname(directory));
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    }
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

/** As Promise.all, but rejects only when none is running any more. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
