import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, writeSync } from 'node:fs';
import type { DirectoryDurability } from './directory-durability.ts';
import { openNewFile, replaceObject } from './link-object.ts';
import { putFile, unfinished } from './put-file.ts';
import { unlinkFile } from './unlink-file.ts';

interface Waiting {
  readonly path: string;
  readonly bytes: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Fewer files than this are synced one by one: to start the program costs as much as a few of them. */
const fewestTogether = 24;
const mostTogether = 1_000;

/**
 * Writes small files whole, in place of what is there, durable when the promise resolves. Many at the same time cost
 * two syncs of the file system instead of three of each file and its directories: all of them are written under other
 * names, synced, renamed, and synced again, so that a power cut never shows half of one.
 */
export class SmallFiles {
  readonly #root: string;
  readonly #directories: DirectoryDurability;
  #waiting: Waiting[] = [];
  #isRunning = false;
  #canSyncAll = process.platform === 'linux';

  constructor(root: string, directories: DirectoryDurability) {
    this.#root = root;
    this.#directories = directories;
  }

  /** Writes one file. Rejects with the system's error. */
  put(path: string, bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ path, bytes, resolve, reject });
      if (this.#isRunning) return;
      this.#isRunning = true;
      // those that are asked for in the same turn go together
      setImmediate(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, mostTogether);
      if (this.#canSyncAll && batch.length >= fewestTogether) await this.#putTogether(batch);
      else await Promise.all(batch.map((file) => this.#putAlone(file)));
    }
    this.#isRunning = false;
  }

  async #putAlone({ path, bytes, resolve, reject }: Waiting): Promise<void> {
    await putFile(path, bytes, this.#directories).then(resolve, reject);
  }

  async #putTogether(batch: readonly Waiting[]): Promise<void> {
    const written = batch.flatMap((file) => this.#writeAside(file) ?? []);
    if (!(await syncFileSystem(this.#root))) {
      this.#canSyncAll = false;
      for (const { temporary } of written) unlinkFile(temporary);
      await Promise.all(written.map(({ file }) => this.#putAlone(file)));
      return;
    }
    const renamed = written.filter((one) => this.#rename(one));
    const isDurable = await syncFileSystem(this.#root);
    for (const { file } of renamed) {
      if (isDurable) file.resolve();
      else file.reject(new Error(`the file system of ${this.#root} could not be synced`));
    }
  }

  #writeAside(file: Waiting): { readonly file: Waiting; readonly temporary: string } | undefined {
    const temporary = `${file.path}${unfinished}${randomUUID()}`;
    try {
      const descriptor = openNewFile(temporary, this.#directories);
      try {
        for (let at = 0; at < file.bytes.length;) at += writeSync(descriptor, file.bytes, at);
      } finally {
        closeSync(descriptor);
      }
      return { file, temporary };
    } catch (error) {
      unlinkFile(temporary);
      file.reject(error);
      return undefined;
    }
  }

  #rename({ file, temporary }: { readonly file: Waiting; readonly temporary: string }): boolean {
    try {
      replaceObject(temporary, file.path, this.#directories);
      return true;
    } catch (error) {
      unlinkFile(temporary);
      file.reject(error);
      return false;
    }
  }
}

/** syncfs(2) by the program `sync`, since Node has no call for it. False when it cannot be done. */
async function syncFileSystem(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const child = spawn('sync', ['-f', path], { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
