import { randomUUID } from 'node:crypto';
import { closeSync } from 'node:fs';
import type { DirectoryDurability } from './directory-durability.ts';
import { syncData, writeAll } from './file-io.ts';
import { openNewFile, replaceObject } from './link-object.ts';
import { unlinkFile } from './unlink-file.ts';

/** Parts the final name from what makes a half-written file's name unique; no key has it, so no listing shows one. */
export const unfinished = '~';

/** Writes a small file whole, in place of what is there, durable when it resolves. */
export async function putFile(path: string, bytes: Buffer, directories: DirectoryDurability): Promise<void> {
  const temporary = `${path}${unfinished}${randomUUID()}`;
  const descriptor = openNewFile(temporary, directories);
  try {
    await writeAll(descriptor, [bytes], bytes.length);
    await syncData(descriptor);
    replaceObject(temporary, path, directories);
  } catch (error) {
    unlinkFile(temporary);
    throw error;
  } finally {
    closeSync(descriptor);
  }
  await directories.sync(path);
}
