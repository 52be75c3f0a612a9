import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { digestAlgorithm, digestHex, type Digest } from '@entrepot/oci/digest';
import { syncDirectory, translateFileError, writeWhole } from './backup-files.ts';
import { manifestName } from './backup-manifest.ts';

const markerName = 'entrepot-backup.json';
// a file system of its own has one
const ownedByOthers = new Set(['lost+found']);

/** A moment of which the directory has the database. */
export interface Generation {
  /** The moment, in UTC; sorts by it. */
  readonly name: string;
  /** Not when its backup was interrupted. */
  readonly isComplete: boolean;
}

/**
 * A directory of backups of one instance: the database of several moments, and blobs once for all of them.
 *
 * ```
 * entrepot-backup.json                          whose backups these are
 * generations/<moment>/tables/<table>.copy.zst  rows, in the text format of COPY
 * generations/<moment>/blobs.zst                the blobs of that moment: digest, size, state, by digest
 * generations/<moment>/secret-key
 * generations/<moment>/manifest.json            written last
 * blobs/<algorithm>/<2 hex>/<hex>
 * ```
 */
export class BackupDirectory {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** Opens a directory for the backups of `instance`, and makes it. `PRECONDITION` when it holds something else. */
  static async prepare(path: string, instance: string): Promise<BackupDirectory> {
    const directory = new BackupDirectory(resolve(path));
    try {
      await mkdir(directory.root, { recursive: true, mode: 0o700 });
      await directory.#claim(instance);
    } catch (error) {
      throw translateFileError(error, 'use', directory.root);
    }
    return directory;
  }

  /** Opens a directory that has backups. `PRECONDITION` when it has none. */
  static async open(path: string): Promise<BackupDirectory> {
    const directory = new BackupDirectory(resolve(path));
    if ((await directory.#readOwner()) !== undefined) return directory;
    throw new AppError(
      'PRECONDITION',
      `${directory.root} is no directory of backups: name the one that entrepot backup --to was given`,
    );
  }

  /** The path of something in a generation. */
  path(generation: string, ...names: readonly string[]): string {
    return join(this.root, 'generations', generation, ...names);
  }

  /** Where the blobs are. */
  get blobs(): string {
    return join(this.root, 'blobs');
  }

  /** Where the bytes of a blob are. */
  blobPath(digest: Digest): string {
    const hex = digestHex(digest);
    return join(this.blobs, digestAlgorithm(digest), hex.slice(0, 2), hex);
  }

  /** Every generation, from the oldest on. */
  async listGenerations(): Promise<readonly Generation[]> {
    const names = await listNames(join(this.root, 'generations'));
    return await Promise.all(
      names.map(async (name) => ({
        name,
        isComplete: (await listNames(this.path(name))).includes(manifestName),
      })),
    );
  }

  /** Makes the place for a new generation. */
  async addGeneration(name: string): Promise<void> {
    await mkdir(this.path(name, 'tables'), { recursive: true, mode: 0o700 });
  }

  /** Makes what {@link addGeneration} made durable, and the files in it. */
  async syncGeneration(name: string): Promise<void> {
    const places = [this.path(name, 'tables'), this.path(name), this.path(''), this.root];
    for (const place of places) await syncDirectory(place);
  }

  /** Removes a generation. One that is removed by half is not complete. */
  async removeGeneration(name: string): Promise<void> {
    await rm(this.path(name, manifestName), { force: true });
    await rm(this.path(name), { recursive: true, force: true });
  }

  async #claim(instance: string): Promise<void> {
    const owner = await this.#readOwner();
    if (owner === instance) return;
    if (owner !== undefined) {
      throw new AppError(
        'PRECONDITION',
        `${this.root} holds the backups of another instance: give each instance a directory of its own`,
      );
    }
    const strange = (await listNames(this.root)).filter((name) => !ownedByOthers.has(name));
    if (strange.length > 0) {
      throw new AppError(
        'PRECONDITION',
        `${this.root} is not empty and is no directory of backups (it has ${strange.slice(0, 3).join(', ')}): ` +
          'name an empty or new one',
      );
    }
    await writeWhole(join(this.root, markerName), `${JSON.stringify({ format: 1, instance })}\n`);
  }

  async #readOwner(): Promise<string | undefined> {
    const path = join(this.root, markerName);
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw translateFileError(error, 'read', path);
    });
    return text === undefined ? undefined : readMarker(text, path);
  }
}

function readMarker(text: string, path: string): string {
  const match = /^\{"format":1,"instance":"([0-9a-f-]{36})"\}\n$/.exec(text);
  if (match?.[1] !== undefined) return match[1];
  throw new AppError('PRECONDITION', `${path} is damaged, or was written by a newer version of Entrepot`);
}

/** The names in a directory, sorted; none when it is not there. */
export async function listNames(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).toSorted();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Whether a file system said that there is no such thing. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
