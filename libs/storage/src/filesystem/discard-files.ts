import { existsSync } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DirectoryDurability } from './directory-durability.ts';
import { systemCode } from './filesystem-error.ts';
import { linkObject } from './link-object.ts';

/** A file that is to be discarded, and where it waits meanwhile. */
export interface DiscardedFile {
  readonly key: string;
  readonly path: string;
  readonly trashPath: string;
}

/**
 * Moves files aside, asks which of them may go, removes those and puts the others back. Long files are removed on the
 * thread pool. Returns the files that are gone.
 */
export async function discardFiles(
  files: readonly DiscardedFile[],
  directories: DirectoryDurability,
  confirm: (keys: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<readonly DiscardedFile[]> {
  const aside: DiscardedFile[] = [];
  let confirmed: ReadonlySet<string> = new Set();
  try {
    for (const file of files) if (await moveAside(file, directories)) aside.push(file);
    confirmed = await confirm(files.map(({ key }) => key));
  } finally {
    for (const file of aside) if (!confirmed.has(file.key)) await putBack(file, directories);
  }
  const gone = aside.filter(({ key }) => confirmed.has(key));
  for (const { trashPath } of gone) await unlinkIfThere(trashPath);
  return gone;
}

/** False when there is no such file. */
async function moveAside(
  { path, trashPath }: DiscardedFile,
  directories: DirectoryDurability,
): Promise<boolean> {
  for (;;) {
    try {
      await rename(path, trashPath);
      return true;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOTDIR' || (code === 'ENOENT' && !existsSync(path))) return false;
      if (code !== 'ENOENT') throw error;
      directories.make(dirname(trashPath));
    }
  }
}

/** What stands at the key by now was put there since, and stays. */
async function putBack({ path, trashPath }: DiscardedFile, directories: DirectoryDurability): Promise<void> {
  try {
    linkObject(trashPath, path, directories);
  } catch (error) {
    // whoever looked through what dead processes left has put it back already
    if (systemCode(error) === 'ENOENT' && !existsSync(trashPath)) return;
    throw error;
  }
  await directories.sync(path);
  await unlinkIfThere(trashPath);
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
