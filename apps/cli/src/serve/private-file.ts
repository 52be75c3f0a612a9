import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findFileOwner, giveDescriptor } from '@entrepot/files/file-owner';

/**
 * Writes a file that only this user may read, or the owner of the directory when this is root, whole or not at all, and
 * durable when it resolves.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const unfinished = `${path}.new`;
  // whatever stands there, a link of the directory's owner too, is not what is written to and given away
  await rm(unfinished, { force: true });
  const file = await open(unfinished, 'wx', 0o600);
  try {
    await file.chmod(0o600);
    const owner = findFileOwner(dirname(path));
    if (owner !== undefined) giveDescriptor(file.fd, owner);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  const directory = await open(dirname(path));
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
