import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** What the checks know of a package of the workspace. Folders are relative to the root. */
export interface WorkspacePackage {
  readonly name: string;
  readonly folder: string;
  readonly layer: string | undefined;
  readonly runtime: string | undefined;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  /** Folders that its tsconfig refers to; undefined without a tsconfig. */
  readonly references: readonly string[] | undefined;
}

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  nx?: { tags?: string[] };
}

/** Every folder of `apps` and `libs`, and `bench` and `e2e`, that holds a package. */
export function readWorkspace(root: string): WorkspacePackage[] {
  const nested = ['libs', 'apps'].flatMap((parent) => foldersOf(root, parent));
  const folders = [...nested, 'bench', 'e2e'];
  return folders
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => readPackage(root, folder));
}

/** The folders that a tsconfig (a path from the root) refers to, relative to the root. */
export function readReferences(root: string, file: string): string[] | undefined {
  if (!existsSync(join(root, file))) return undefined;
  const { references = [] } = readJson(join(root, file)) as { references?: { path: string }[] };
  return references.map(({ path }) => normalize(join(dirname(file), path)).replace(/\/$/, ''));
}

function readPackage(root: string, folder: string): WorkspacePackage {
  const manifest = readJson(join(root, folder, 'package.json')) as Manifest;
  return {
    name: manifest.name,
    folder,
    layer: findTag(manifest, 'layer'),
    runtime: findTag(manifest, 'runtime'),
    dependencies: manifest.dependencies ?? {},
    devDependencies: manifest.devDependencies ?? {},
    references: readReferences(root, join(folder, 'tsconfig.json')),
  };
}

function findTag(manifest: Manifest, key: string): string | undefined {
  const prefix = `${key}:`;
  return manifest.nx?.tags?.find((tag) => tag.startsWith(prefix))?.slice(prefix.length);
}

function foldersOf(root: string, parent: string): string[] {
  const entries = readdirSync(join(root, parent), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => `${parent}/${entry.name}`);
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
