import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { findFileOwner, giveDirectory } from './file-owner.ts';

/**
 * Makes a directory and what is missing above it, each given to the owner of the one it is made in when this process is
 * root. Returns the topmost one that was made; `undefined` when it was there. Throws what the system says.
 */
export function makeDirectories(directory: string, mode: number): string | undefined {
  let topmost: string | undefined;
  if (!existsSync(dirname(directory))) topmost = makeDirectories(dirname(directory), mode);
  if (!makeDirectory(directory, mode)) return topmost;
  const owner = findFileOwner(dirname(directory));
  if (owner !== undefined) giveDirectory(directory, owner);
  return topmost ?? directory;
}

/** False when it is there. */
function makeDirectory(directory: string, mode: number): boolean {
  try {
    mkdirSync(directory, { mode });
    return true;
  } catch (error) {
    const isThere = statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isThere) return false;
    throw error;
  }
}
