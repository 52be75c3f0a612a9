import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { canEnter, type DatabaseAccount } from './database-account.ts';
import { readPostmasterFile } from './postmaster.ts';

// sun_path holds 104 bytes on macOS and 108 on Linux, with the NUL and PostgreSQL's own '/.s.PGSQL.5432'
const longestDirectory = 103 - '/.s.PGSQL.5432.lock'.length;
const temporaryPrefix = 'entrepot-postgres-';

/**
 * Makes the directory (0700) of the server's socket: in the data directory, or a private temporary one when that
 * path is too long for a socket or the account cannot enter it.
 */
export async function makeSocketDirectory(
  dataDir: string,
  account: DatabaseAccount | undefined,
): Promise<string> {
  const usual = join(dataDir, 'postgres-socket');
  const fits = Buffer.byteLength(usual) <= longestDirectory && (await canEnter(account, dataDir));
  const directory = fits ? usual : await mkdtemp(join(shortTemporaryDirectory(), temporaryPrefix));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  if (account !== undefined) await chown(directory, account.uid, account.gid);
  return directory;
}

/** Removes the temporary socket directory that a killed server left, if it had one. */
export async function removeLeftSocketDirectory(clusterDir: string): Promise<void> {
  const left = await readPostmasterFile(clusterDir);
  if (left?.socketDir !== undefined) await removeSocketDirectory(left.socketDir);
}

/** Removes a socket directory if it is a temporary one. */
export async function removeSocketDirectory(directory: string): Promise<void> {
  if (!basename(directory).startsWith(temporaryPrefix)) return;
  await rm(directory, { recursive: true, force: true });
}

function shortTemporaryDirectory(): string {
  const usual = tmpdir();
  return Buffer.byteLength(usual) + temporaryPrefix.length + 8 <= longestDirectory ? usual : '/tmp';
}
