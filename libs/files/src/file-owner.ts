import { closeSync, constants, existsSync, fchownSync, openSync, statSync } from 'node:fs';
import { lchown, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A user and a group of this machine, by their numbers. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * To whom what this process makes in `directory` has to be given: the owner of the directory, or of the nearest one
 * above it that is there. `undefined` when it need not be: this process is not root, or root owns the directory.
 */
export function findFileOwner(directory: string): FileOwner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  let nearest = directory;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  const { uid, gid } = statSync(nearest);
  return uid === 0 ? undefined : { uid, gid };
}

/** Gives an open file away. Throws what the system says. */
export function giveDescriptor(descriptor: number, { uid, gid }: FileOwner): void {
  fchownSync(descriptor, uid, gid);
}

/** Gives a directory away, not what lies in it. Throws what the system says, also when it is none or a link to one. */
export function giveDirectory(directory: string, owner: FileOwner): void {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const descriptor = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    giveDescriptor(descriptor, owner);
  } finally {
    closeSync(descriptor);
  }
}

/** Gives a directory away with all that lies in it, itself last. Throws what the system says. */
export async function giveTree(directory: string, owner: FileOwner): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await giveTree(path, owner);
    else await lchown(path, owner.uid, owner.gid);
  }
  giveDirectory(directory, owner);
}
