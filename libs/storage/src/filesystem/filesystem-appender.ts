import { closeSync } from 'node:fs';
import { AppError } from '@entrepot/errors/app-error';
import type { Appender, AppenderState, ChunkConsumer, PublishResult, ResumePoint } from '../driver.ts';
import type { DirectoryDurability } from './directory-durability.ts';
import { writeAll } from './file-io.ts';
import { filesystemError } from './filesystem-error.ts';
import { linkObject, openNewFile, replaceObject } from './link-object.ts';
import { readFileRange } from './read-file.ts';
import { unlinkFile } from './unlink-file.ts';
import { WriteBehind } from './write-behind.ts';

/** Where a key of the driver is on the disk, and what the driver shares with its appenders. */
export interface AppenderPlace {
  readonly path: string;
  /** The path of another key. */
  readonly pathOf: (key: string) => string;
  readonly directories: DirectoryDurability;
}

/**
 * A file that one process writes in its life. The file is made with the first bytes, so that a small object costs
 * one row of system calls on this thread: open, write, (sync), link, (sync), unlink, close; only the syncs leave it.
 */
export class FilesystemAppender implements Appender {
  readonly #place: AppenderPlace;
  #descriptor: number | undefined;
  #made = false;
  #hasEnded = false;
  #size = 0;
  #entryDurable = false;
  readonly #behind = new WriteBehind();

  constructor(place: AppenderPlace) {
    this.#place = place;
  }

  get size(): number {
    return this.#size;
  }

  append(chunks: readonly Buffer[]): Promise<void> {
    return this.#run('write', async () => {
      const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const descriptor = this.#open();
      await writeAll(descriptor, chunks, total);
      this.#size += total;
      this.#behind.wrote(descriptor, total);
    });
  }

  flush(): Promise<AppenderState> {
    return this.#run('sync', async () => {
      await this.#behind.finish(this.#open());
      if (!this.#entryDurable) await this.#place.directories.sync(this.#place.path);
      this.#entryDurable = true;
      return {};
    });
  }

  async readBack(consume: ChunkConsumer): Promise<void> {
    if (this.#size > 0) await readFileRange(this.#place.path, { start: 0, end: this.#size }, consume);
  }

  publish(key: string, options: { replace?: boolean } = {}): Promise<PublishResult> {
    return this.#run('publish', async () => {
      const { path, pathOf, directories } = this.#place;
      const target = pathOf(key);
      await this.#behind.finish(this.#open());
      let result: PublishResult = 'created';
      if (options.replace === true) replaceObject(path, target, directories);
      else result = linkObject(path, target, directories);
      await directories.sync(target);
      await this.discard();
      return result;
    });
  }

  /**
   * Copies the acknowledged prefix of another appender's file into this one, which is empty. `false` when that file
   * is gone or shorter.
   */
  async copyFrom(source: string, from: ResumePoint, prefix: ChunkConsumer): Promise<boolean> {
    const found = await readFileRange(source, { start: 0, end: from.size }, async (chunk) => {
      await this.append([chunk]);
      await prefix(chunk);
    });
    return found && this.#size === from.size;
  }

  async discard(): Promise<void> {
    await this.close();
    if (!this.#made) return;
    await this.#run('remove', () => unlinkFile(this.#place.path));
    this.#made = false;
  }

  async close(): Promise<void> {
    this.#hasEnded = true;
    if (this.#descriptor === undefined) return;
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    await this.#behind.settle();
    closeSync(descriptor);
  }

  #open(): number {
    if (this.#hasEnded) throw new AppError('STORAGE_FAILED', `the appender at ${this.#place.path} has ended`);
    if (this.#descriptor === undefined) {
      this.#descriptor = openNewFile(this.#place.path, this.#place.directories);
      this.#made = true;
    }
    return this.#descriptor;
  }

  async #run<Result>(action: string, work: () => Result | Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw filesystemError(error, action, this.#place.path);
    }
  }
}
