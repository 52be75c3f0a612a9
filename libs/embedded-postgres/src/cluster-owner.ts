import { chmod, lstat, stat } from 'node:fs/promises';
import { AppError } from '@entrepot/errors/app-error';
import { giveTree } from '@entrepot/files/file-owner';
import type { DatabaseAccount } from './database-account.ts';
import type { PostgresLog } from './log.ts';

/**
 * Makes sure that the account owns the database that it is to open. One of root, as whom PostgreSQL never runs, was
 * copied or restored by root and is given to the account. Throws `CONFIG_INVALID` when that cannot be, and when the
 * owner is a number that no user of this machine has.
 */
export async function ensureClusterOwner(
  clusterDir: string,
  account: DatabaseAccount | undefined,
  log: PostgresLog,
): Promise<void> {
  if (account === undefined) return;
  const { uid } = await stat(clusterDir);
  if (uid === account.uid) return;
  if (uid !== 0)
    throw notOwned(clusterDir, account, `it belongs to user ${uid}, whom this machine does not know`);
  // the owner of the data directory may have made it, to a directory that is not the product's
  if ((await lstat(clusterDir)).isSymbolicLink())
    throw notOwned(clusterDir, account, 'it is a link to a directory of root');
  try {
    // some ways of copying lose the mode, and PostgreSQL insists on it
    await chmod(clusterDir, 0o700);
    await giveTree(clusterDir, account);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw notOwned(clusterDir, account, `it belongs to root, and cannot be given away: ${reason}`, cause);
  }
  log.info({ user: account.name }, `the database belonged to root: it was given to user ${account.name}`);
}

function notOwned(
  clusterDir: string,
  { name, gid }: DatabaseAccount,
  why: string,
  cause?: unknown,
): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `PostgreSQL runs as user ${name} and cannot open the database ${clusterDir} (${why}): ` +
      `run chown -R ${name}:${gid} ${clusterDir}`,
    { cause },
  );
}
