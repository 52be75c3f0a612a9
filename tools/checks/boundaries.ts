import type { WorkspacePackage } from './workspace.ts';

/** Which layers a package of each layer may depend on. */
const layers: Readonly<Record<string, readonly string[]>> = {
  domain: ['domain'],
  contract: ['domain', 'contract'],
  infra: ['domain'],
  base: ['domain', 'contract', 'infra'],
  feature: ['domain', 'contract', 'infra', 'base'],
  app: ['domain', 'contract', 'infra', 'base', 'feature'],
  launcher: ['domain', 'contract', 'infra', 'base', 'feature', 'app'],
  tool: ['domain', 'contract', 'infra', 'base', 'feature', 'app', 'launcher'],
};

/** Pairs that the table refuses and that have a reason. `*` stands for every package of layer infra. */
const pairs: readonly (readonly [from: string, to: string, reason: string])[] = [
  ['*', '@entrepot/telemetry', 'every part logs and counts'],
  ['*', '@entrepot/files', 'whose a file is that root makes is decided in one place'],
  ['@entrepot/content-store', '@entrepot/storage', 'it is the content store on a driver'],
  ['@entrepot/database', '@entrepot/events', 'the outbox row holds a fact'],
  ['@entrepot/jobs', '@entrepot/database', 'tasks are rows; the queue carries their ids'],
  ['@entrepot/database', '@entrepot/embedded-postgres', 'its tests run on a real server'],
];

/** Packages from outside that only some of ours may know. */
const owners: readonly (readonly [pattern: RegExp, owner: string])[] = [
  [/^(typeorm|pg|pg-copy-streams)$/, '@entrepot/database'],
  [/^(bullmq|ioredis)$/, '@entrepot/jobs'],
  [/^(pino|prom-client)$/, '@entrepot/telemetry'],
  [/^@aws-sdk\//, '@entrepot/storage'],
  [/^@node-rs\/argon2$/, '@entrepot/identity'],
  [/^@embedded-postgres\//, '@entrepot/embedded-postgres'],
  [/^(@nestjs\/.*|@fastify\/.*|fastify|passport.*|rxjs|reflect-metadata)$/, '@entrepot/core'],
];

/** Which runtimes a package of each runtime may depend on. */
const runtimes: Readonly<Record<string, readonly string[]>> = {
  any: ['any'],
  browser: ['any', 'browser'],
  node: ['any', 'node'],
};

/** A sentence for each dependency that the table of layers refuses; none when all is well. */
export function checkBoundaries(
  packages: readonly WorkspacePackage[],
  rootReferences: readonly string[],
): string[] {
  const byName = new Map(packages.map((entry) => [entry.name, entry]));
  return [
    ...packages.flatMap((from) => [
      ...checkTags(from),
      ...checkVersions(from),
      ...checkOwners(from),
      ...checkReferences(from, byName),
      ...namesOf(from).flatMap((name) => checkPair(from, name, byName)),
    ]),
    ...checkRoot(packages, rootReferences),
    ...checkCycles(packages),
  ];
}

function namesOf(from: WorkspacePackage): string[] {
  return Object.keys({ ...from.dependencies, ...from.devDependencies });
}

function checkTags({ name, layer, runtime }: WorkspacePackage): string[] {
  const problems: string[] = [];
  if (layer === undefined || !(layer in layers)) {
    problems.push(`${name} needs a tag layer:<${Object.keys(layers).join('|')}>`);
  }
  if (runtime === undefined || !(runtime in runtimes)) {
    problems.push(`${name} needs a tag runtime:<${Object.keys(runtimes).join('|')}>`);
  }
  return problems;
}

function checkVersions(from: WorkspacePackage): string[] {
  const all = Object.entries({ ...from.dependencies, ...from.devDependencies });
  return all.flatMap(([name, version]) => {
    const wanted = name.startsWith('@entrepot/') ? 'workspace:*' : 'catalog:';
    return version === wanted ? [] : [`${from.name} must name ${name} as "${wanted}", not "${version}"`];
  });
}

function checkOwners(from: WorkspacePackage): string[] {
  if (from.layer === 'tool') return [];
  return namesOf(from).flatMap((name) => {
    const owner = owners.find(([pattern]) => pattern.test(name))?.[1];
    return owner === undefined || owner === from.name
      ? []
      : [`${from.name} may not depend on ${name}: only ${owner} may`];
  });
}

function checkPair(
  from: WorkspacePackage,
  name: string,
  byName: ReadonlyMap<string, WorkspacePackage>,
): string[] {
  const to = byName.get(name);
  if (to === undefined)
    return name.startsWith('@entrepot/') ? [`${from.name} depends on ${name}: no such package`] : [];
  if (!mayDepend(from, to)) {
    return [`${from.name} (${from.layer}) may not depend on ${to.name} (${to.layer})`];
  }
  if (!(runtimes[from.runtime ?? ''] ?? []).includes(to.runtime ?? '')) {
    return [`${from.name} (runtime ${from.runtime}) may not depend on ${to.name} (runtime ${to.runtime})`];
  }
  return [];
}

function mayDepend(from: WorkspacePackage, to: WorkspacePackage): boolean {
  if ((layers[from.layer ?? ''] ?? []).includes(to.layer ?? '')) return true;
  return pairs.some(
    ([name, target]) =>
      target === to.name && (name === from.name || (name === '*' && from.layer === 'infra')),
  );
}

function checkReferences(from: WorkspacePackage, byName: ReadonlyMap<string, WorkspacePackage>): string[] {
  const { references } = from;
  if (references === undefined) return from.layer === 'tool' ? [] : [`${from.folder} has no tsconfig.json`];
  const foldersFor = (names: string[]): string[] => names.flatMap((name) => byName.get(name)?.folder ?? []);
  const needed = foldersFor(Object.keys(from.dependencies));
  const allowed = new Set([...needed, ...foldersFor(Object.keys(from.devDependencies))]);
  const missing = needed.filter((folder) => !references.includes(folder));
  const extra = references.filter((folder) => !allowed.has(folder));
  return [
    ...missing.map((folder) => `${from.folder}/tsconfig.json must refer to ${folder}, a declared dependency`),
    ...extra.map(
      (folder) => `${from.folder}/tsconfig.json refers to ${folder}, which is no declared dependency`,
    ),
  ];
}

function checkRoot(packages: readonly WorkspacePackage[], rootReferences: readonly string[]): string[] {
  const folders = packages.filter(({ layer }) => layer !== 'tool').map(({ folder }) => folder);
  return [
    ...folders
      .filter((folder) => !rootReferences.includes(folder))
      .map((f) => `tsconfig.build.json must refer to ${f}`),
    ...rootReferences
      .filter((f) => !folders.includes(f))
      .map((f) => `tsconfig.build.json refers to ${f}: no such package`),
  ];
}

function checkCycles(packages: readonly WorkspacePackage[]): string[] {
  let rest = [...packages];
  for (;;) {
    const names = new Set(rest.map(({ name }) => name));
    const blocked = rest.filter((entry) => Object.keys(entry.dependencies).some((name) => names.has(name)));
    if (blocked.length === rest.length) break;
    rest = blocked;
  }
  return rest.length === 0
    ? []
    : [`these packages depend on each other in a circle: ${rest.map((p) => p.name).join(', ')}`];
}
