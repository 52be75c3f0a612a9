import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectEntry } from '../driver.ts';
import { assertKeyPrefix, isStorageKey } from '../storage-key.ts';
import { systemCode } from './filesystem-error.ts';

/** Says that nothing is there: it was removed, or never was a directory. */
const gone: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);

/** What may vanish while a listing walks is skipped: it is gone. */
async function unlessGone<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (gone.has(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

async function entryOf(path: string, key: string): Promise<ObjectEntry | undefined> {
  const facts = await unlessGone(stat(path));
  return facts?.isFile() === true ? { key, size: facts.size, modifiedAt: facts.mtime } : undefined;
}

/** Whether something below the directory of `key` can start with `prefix`. */
function leadsTo(key: string, prefix: string): boolean {
  const below = `${key}/`;
  return below.startsWith(prefix) || prefix.startsWith(below);
}

async function* walk(root: string, base: string, prefix: string): AsyncGenerator<ObjectEntry> {
  const directory = await unlessGone(opendir(join(root, base)));
  if (directory === undefined) return;
  for await (const child of directory) {
    const key = base === '' ? child.name : `${base}/${child.name}`;
    if (!isStorageKey(key)) continue;
    if (child.isDirectory()) {
      if (leadsTo(key, prefix)) yield* walk(root, key, prefix);
    } else if (key.startsWith(prefix)) {
      const entry = await entryOf(join(root, key), key);
      if (entry !== undefined) yield entry;
    }
  }
}

/** Every file below `root` whose key starts with `prefix`; directories that can not hold one are not entered. */
export function listFiles(root: string, prefix: string): AsyncGenerator<ObjectEntry> {
  assertKeyPrefix(prefix);
  return walk(root, prefix.slice(0, Math.max(0, prefix.lastIndexOf('/'))), prefix);
}
