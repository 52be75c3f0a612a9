import { linkSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import type { PublishResult } from '../driver.ts';
import type { DirectoryDurability } from './directory-durability.ts';
import { systemCode } from './filesystem-error.ts';

const mostAttempts = 100;

/**
 * Runs `place`, which puts an entry into the directory of `target`. A collector that removes the empty directory
 * between mkdir and the entry is the reason to try again, and it can do so more than once.
 */
function placeIn<Result>(target: string, directories: DirectoryDurability, place: () => Result): Result {
  for (let attempt = 1; ; attempt += 1) {
    try {
      directories.make(dirname(target));
      return place();
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || attempt >= mostAttempts) throw error;
    }
  }
}

/** Gives the file `source` the second name `target`, unless that name is taken. */
export function linkObject(source: string, target: string, directories: DirectoryDurability): PublishResult {
  try {
    placeIn(target, directories, () => linkSync(source, target));
    return 'created';
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return 'exists';
    throw error;
  }
}

/** Moves the file `source` to `target`, in place of what is there. */
export function replaceObject(source: string, target: string, directories: DirectoryDurability): void {
  placeIn(target, directories, () => renameSync(source, target));
}

/**
 * Opens a file that must not exist yet, for appending.
 *
 * @throws AppError `STORAGE_FAILED` when it does: to take it over would let its writer publish bytes of this one.
 */
export function openNewFile(path: string, directories: DirectoryDurability): number {
  const open = (): number => directories.give(openSync(path, 'ax', 0o600));
  try {
    return open();
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') {
      throw new AppError('STORAGE_FAILED', `${path} has a writer, or had one that crashed: use another key`, {
        cause: error,
      });
    }
    if (code !== 'ENOENT') throw error;
  }
  return placeIn(path, directories, open);
}
