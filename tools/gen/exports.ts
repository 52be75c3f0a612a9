import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

interface Entry {
  readonly 'entrepot-source': string;
  readonly types: string;
  readonly default: string;
}

const used = /(?:from |import\()'(@entrepot\/[a-z-]+)\/([^']+)'/g;

/**
 * Writes the `exports` of each package: the files that another package imports, and no others. What is not listed
 * does not resolve, so a new entry is seen in review as a line of package.json.
 */
export function generate(): { path: string; text: string }[] {
  const files = execFileSync('git', ['ls-files', '*.ts', '*/package.json'], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const present = files.filter((file) => existsSync(file));
  const entries = new Map<string, Set<string>>();
  for (const file of present.filter((each) => each.endsWith('.ts'))) {
    for (const [, name = '', entry = ''] of readFileSync(file, 'utf8').matchAll(used)) {
      entries.set(name, (entries.get(name) ?? new Set()).add(entry));
    }
  }
  const packages = present.filter((file) => /^(libs|apps)\/[^/]+\/package\.json$/.test(file));
  return packages.map((path) => ({ path, text: withExports(path, entries) }));
}

function withExports(path: string, entries: ReadonlyMap<string, ReadonlySet<string>>): string {
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as {
    name: string;
    exports?: Record<string, Entry>;
  };
  const listed = [...(entries.get(manifest.name) ?? [])].toSorted();
  const exports = Object.fromEntries(
    listed.map((entry) => [`./${entry}`, entryOf(path, entry, manifest.exports)]),
  );
  return `${JSON.stringify({ ...manifest, exports }, null, 2)}\n`;
}

// an entry is the file of its name, unless the package says otherwise
function entryOf(path: string, entry: string, known: Record<string, Entry> | undefined): Entry {
  const source = `./src/${entry}.ts`;
  const own = known?.[`./${entry}`];
  if (own !== undefined && !existsSync(path.replace('package.json', source))) return own;
  return { 'entrepot-source': source, types: `./dist/${entry}.d.ts`, default: `./dist/${entry}.js` };
}
