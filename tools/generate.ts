import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What each file of tools/gen exports as `generate`. */
type Generator = () => GeneratedFile[] | Promise<GeneratedFile[]>;

interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const folder = 'tools/gen';

/** Runs every generator. With `--check` nothing is written and a file that would change is an error. */
async function main(check: boolean): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ts')).toSorted();
  for (const name of names) {
    const { generate } = (await import(pathToFileURL(`${folder}/${name}`).href)) as { generate: Generator };
    for (const file of await generate()) await (check ? compare(file, name) : write(file));
  }
}

async function write({ path, text }: GeneratedFile): Promise<void> {
  if ((await read(path)) === text) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  console.log(`wrote ${path}`);
}

async function compare({ path, text }: GeneratedFile, generator: string): Promise<void> {
  if ((await read(path)) === text) return;
  console.error(
    `${path} is not what ${folder}/${generator} makes of the sources: run pnpm gen and commit it`,
  );
  process.exitCode = 1;
}

async function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

await main(process.argv.includes('--check'));
