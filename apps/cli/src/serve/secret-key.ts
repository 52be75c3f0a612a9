import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { writePrivateFile } from './private-file.ts';

/** The file in the data directory that holds the key when `ENTREPOT_SECRET_KEY` does not give one. */
export function secretKeyFile(dataDir: string): string {
  return join(dataDir, 'secret-key');
}

/** The key that opens the secrets in the database: the setting, else the file, which the first start makes. */
export async function loadSecretKey(dataDir: string, given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const file = secretKeyFile(dataDir);
  const kept = await readKept(file);
  if (kept !== undefined) return kept;
  const key = randomBytes(32).toString('base64');
  await writePrivateFile(file, `${key}\n`);
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
