import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { writePrivateFile } from './private-file.ts';

/** The file in the data directory that holds the key when `ENTREPOT_SECRET_KEY` does not give one. */
export function secretKeyFile(dataDir: string): string {
  return join(dataDir, 'secret-key');
}

/** Where the key is from, as people know it; reads as the beginning of a sentence about the key. */
export function secretKeySource(dataDir: string, given: string | undefined): string {
  return given === undefined
    ? `ENTREPOT_SECRET_KEY is not set, and what ${secretKeyFile(dataDir)} holds`
    : 'ENTREPOT_SECRET_KEY';
}

/** The key that opens the secrets in the database: the setting, else the file; `undefined` when there is neither. */
export async function findSecretKey(dataDir: string, given: string | undefined): Promise<string | undefined> {
  return given ?? (await readKept(secretKeyFile(dataDir)));
}

/** As {@link findSecretKey}, and makes the file when there is neither. */
export async function loadSecretKey(dataDir: string, given: string | undefined): Promise<string> {
  const found = await findSecretKey(dataDir, given);
  if (found !== undefined) return found;
  const key = randomBytes(32).toString('base64');
  await writePrivateFile(secretKeyFile(dataDir), `${key}\n`);
  return key;
}

async function readKept(file: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new AppError(
      'CONFIG_INVALID',
      `the secret key in ${file} cannot be read: give this user the right to`,
      { cause },
    );
  }
  return text.trim();
}
