import { rmdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isAppError } from '@entrepot/errors/app-error';
import type {
  Appender,
  ByteRange,
  ChunkConsumer,
  DiscardGuard,
  ObjectEntry,
  ObjectLocation,
  ObjectStat,
  ResumePoint,
  StorageDriver,
} from '../driver.ts';
import { assertStorageKey } from '../storage-key.ts';
import { DirectoryDurability } from './directory-durability.ts';
import { discardFiles } from './discard-files.ts';
import { FilesystemAppender } from './filesystem-appender.ts';
import { filesystemError, systemCode } from './filesystem-error.ts';
import { listFiles } from './list-files.ts';
import { probeDirectory } from './probe-directory.ts';
import { readFileRange } from './read-file.ts';
import { SmallFiles } from './small-files.ts';
import { unlinkFile } from './unlink-file.ts';

/** Says that a directory may stay: it is in use again, or someone else removed it. */
const keepsDirectory: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EBUSY']);

/** Where the files are, and who else can read them. */
export interface FilesystemOptions {
  readonly root: string;
  /** The path under which a reverse proxy on this machine serves `root`, for no one but who is sent there. */
  readonly proxyPrefix?: string;
}

/**
 * Objects as files below `root`, readable by this user alone; when that is root and the directory another user's, by
 * that one. Small things are done by system calls on this thread,
 * since the page cache answers faster than the thread pool, and so are long reads of what it holds; syncs and long
 * writes never are.
 */
export class FilesystemDriver implements StorageDriver {
  readonly name = 'filesystem';
  readonly #root: string;
  readonly #proxyPrefix: string | undefined;
  readonly #directories: DirectoryDurability;
  readonly #smallFiles: SmallFiles;

  constructor(options: FilesystemOptions) {
    this.#root = resolve(options.root);
    this.#proxyPrefix = options.proxyPrefix;
    this.#directories = new DirectoryDurability(this.#root);
    this.#smallFiles = new SmallFiles(this.#root, this.#directories);
  }

  async probe(): Promise<void> {
    this.#directories.assertMounted();
    this.#directories.learn(await probeDirectory(this.#root));
  }

  async stat(key: string): Promise<ObjectStat | undefined> {
    const path = this.#pathOf(key);
    try {
      const facts = statSync(path, { throwIfNoEntry: false });
      return facts?.isFile() === true ? { size: facts.size, modifiedAt: facts.mtime } : undefined;
    } catch (error) {
      throw filesystemError(error, 'look at', path);
    }
  }

  async read(key: string, range: ByteRange | undefined, consume: ChunkConsumer): Promise<boolean> {
    return readFileRange(this.#pathOf(key), range, consume);
  }

  async locate(key: string): Promise<ObjectLocation | undefined> {
    assertStorageKey(key);
    return this.#proxyPrefix === undefined ? undefined : { file: `${this.#proxyPrefix}/${key}` };
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    const path = this.#pathOf(key);
    try {
      await this.#smallFiles.put(path, bytes);
    } catch (error) {
      throw filesystemError(error, 'write', path);
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const path = this.#pathOf(key);
      try {
        unlinkFile(path);
        this.#removeIfEmpty(dirname(path));
      } catch (error) {
        throw filesystemError(error, 'remove', path);
      }
    }
  }

  async discard(keys: readonly string[], guard: DiscardGuard): Promise<ReadonlySet<string>> {
    if (keys.length === 0) return new Set();
    const files = keys.map((key) => {
      return { key, path: this.#pathOf(key), trashPath: this.#pathOf(guard.trashKey(key)) };
    });
    try {
      this.#directories.assertMounted();
      const gone = await discardFiles(files, this.#directories, (each) => guard.confirm(each));
      for (const { path } of gone) this.#removeIfEmpty(dirname(path));
      return new Set(gone.map(({ key }) => key));
    } catch (error) {
      if (systemCode(error) === undefined || isAppError(error)) throw error;
      throw filesystemError(error, 'remove objects below', this.#root);
    }
  }

  async removeBelow(directory: string): Promise<void> {
    const path = this.#pathOf(directory);
    try {
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      throw filesystemError(error, 'remove', path);
    }
  }

  async *list(prefix: string): AsyncGenerator<ObjectEntry> {
    try {
      yield* listFiles(this.#root, prefix);
    } catch (error) {
      throw filesystemError(error, 'list', join(this.#root, prefix));
    }
  }

  async create(key: string): Promise<Appender> {
    return this.#appender(key);
  }

  async resume(key: string, from: ResumePoint, prefix: ChunkConsumer): Promise<Appender | undefined> {
    const appender = this.#appender(key);
    let isWhole = false;
    try {
      isWhole = await appender.copyFrom(this.#pathOf(from.key), from, prefix);
    } finally {
      if (!isWhole) await appender.discard();
    }
    return isWhole ? appender : undefined;
  }

  #appender(key: string): FilesystemAppender {
    const pathOf = (other: string): string => this.#pathOf(other);
    return new FilesystemAppender({ path: this.#pathOf(key), pathOf, directories: this.#directories });
  }

  #pathOf(key: string): string {
    assertStorageKey(key);
    return `${this.#root}/${key}`;
  }

  #removeIfEmpty(directory: string): void {
    // what lies right below the root stays: that it is there says that the volume is mounted
    if (directory === this.#root || dirname(directory) === this.#root) return;
    try {
      rmdirSync(directory);
    } catch (error) {
      if (!keepsDirectory.has(systemCode(error) ?? '')) throw error;
    }
  }
}
