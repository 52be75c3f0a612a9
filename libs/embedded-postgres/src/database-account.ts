import { stat } from 'node:fs/promises';
import { AppError } from '@entrepot/errors/app-error';
import { runProgram } from './run-program.ts';

/** Another user of this machine, as whom PostgreSQL is run. */
export interface DatabaseAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * As whom PostgreSQL must run. Undefined for ordinary users: as themselves. PostgreSQL refuses root, so for root
 * it is who owns the database already, else who owns the data directory, else `postgres`, else `nobody`.
 */
export async function chooseAccount(
  clusterDir: string,
  dataDir: string,
): Promise<DatabaseAccount | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owners = [await ownerOf(clusterDir), await ownerOf(dataDir)].filter(
    (uid) => uid !== undefined && uid !== 0,
  );
  for (const candidate of [...owners.map(String), 'postgres', '_postgres', 'nobody']) {
    const account = await findAccount(candidate);
    if (account !== undefined) return account;
  }
  throw new AppError(
    'CONFIG_INVALID',
    'PostgreSQL refuses to run as root and this machine has no user postgres or nobody: start as another user',
  );
}

/** Whether the account may enter the directory; without an account, always. */
export async function canEnter(account: DatabaseAccount | undefined, directory: string): Promise<boolean> {
  if (account === undefined) return true;
  const { exitCode } = await runProgram('/bin/sh', ['-c', 'test -x "$0"', directory], { account, cwd: '/' });
  return exitCode === 0;
}

async function ownerOf(directory: string): Promise<number | undefined> {
  try {
    return (await stat(directory)).uid;
  } catch {
    return undefined;
  }
}

async function findAccount(nameOrUid: string): Promise<DatabaseAccount | undefined> {
  const [name, uid, gid] = await Promise.all([
    runProgram('id', ['-un', nameOrUid]),
    runProgram('id', ['-u', nameOrUid]),
    runProgram('id', ['-g', nameOrUid]),
  ]);
  if (name.exitCode !== 0 || uid.exitCode !== 0 || gid.exitCode !== 0) return undefined;
  return { name: name.output.trim(), uid: Number(uid.output), gid: Number(gid.output) };
}
