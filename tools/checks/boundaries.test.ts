import { describe, expect, test } from 'vitest';
import { checkBoundaries } from './boundaries.ts';
import type { WorkspacePackage } from './workspace.ts';

interface Sketch {
  layer?: string;
  runtime?: string;
  needs?: string[];
  dev?: string[];
  references?: string[];
}

function aPackage(name: string, sketch: Sketch): WorkspacePackage {
  const declared = (names: string[] = []): Record<string, string> =>
    Object.fromEntries(names.map((n) => [n, n.startsWith('@entrepot/') ? 'workspace:*' : 'catalog:']));
  const needs = sketch.needs ?? [];
  const references = needs
    .filter((n) => n.startsWith('@entrepot/'))
    .map((n) => n.replace('@entrepot/', 'libs/'));
  return {
    name: `@entrepot/${name}`,
    folder: `libs/${name}`,
    layer: sketch.layer ?? 'infra',
    runtime: sketch.runtime ?? 'node',
    dependencies: declared(needs),
    devDependencies: declared(sketch.dev),
    references: sketch.references ?? references,
  };
}

function check(...packages: WorkspacePackage[]): string[] {
  return checkBoundaries(
    packages,
    packages.map(({ folder }) => folder),
  );
}

const domain = (name: string, needs: string[] = []): WorkspacePackage =>
  aPackage(name, { layer: 'domain', runtime: 'any', needs });

describe('checkBoundaries', () => {
  test('accepts a dependency on a lower layer', () => {
    expect(check(domain('errors'), aPackage('storage', { needs: ['@entrepot/errors'] }))).toEqual([]);
  });

  test('refuses a dependency on a higher layer', () => {
    const packages = [aPackage('storage', {}), domain('oci', ['@entrepot/storage'])];
    expect(check(...packages)).toContain(
      '@entrepot/oci (domain) may not depend on @entrepot/storage (infra)',
    );
  });

  test('refuses a dependency of infra on infra unless the pair is listed', () => {
    const storage = aPackage('storage', {});
    expect(check(storage, aPackage('content-store', { needs: ['@entrepot/storage'] }))).toEqual([]);
    expect(check(storage, aPackage('identity', { needs: ['@entrepot/storage'] }))).toHaveLength(1);
  });

  test('refuses one feature that depends on another', () => {
    const ingest = aPackage('ingest', { layer: 'feature' });
    expect(check(ingest, aPackage('proxy', { layer: 'feature', needs: ['@entrepot/ingest'] }))).toHaveLength(
      1,
    );
  });

  test('refuses a browser-safe package that needs Node', () => {
    const node = aPackage('node-domain', { layer: 'domain' });
    expect(check(node, domain('oci', ['@entrepot/node-domain']))).toEqual([
      '@entrepot/oci (runtime any) may not depend on @entrepot/node-domain (runtime node)',
    ]);
  });

  test.each([
    ['catalog', 'typeorm'],
    ['catalog', 'pg'],
    ['access', 'bullmq'],
    ['registry', '@nestjs/common'],
  ])('refuses %s the package %s', (name, dependency) => {
    expect(check(aPackage(name, { layer: 'base', needs: [dependency] }))).toHaveLength(1);
  });

  test('refuses a version that stands outside the catalog', () => {
    const loose = { ...aPackage('storage', {}), dependencies: { zod: '^4.0.0' } };
    expect(check(loose)).toEqual(['@entrepot/storage must name zod as "catalog:", not "^4.0.0"']);
  });

  test('refuses tsconfig references that differ from the dependencies', () => {
    const storage = aPackage('storage', { needs: ['@entrepot/errors'], references: [] });
    expect(check(domain('errors'), storage)).toHaveLength(1);
    expect(check(domain('errors'), aPackage('storage', { references: ['libs/errors'] }))).toHaveLength(1);
  });

  test('lets a reference stand for a development dependency', () => {
    const storage = aPackage('storage', { dev: ['@entrepot/errors'], references: ['libs/errors'] });
    expect(check(domain('errors'), storage)).toEqual([]);
  });

  test('refuses a package that the root tsconfig does not list', () => {
    expect(checkBoundaries([domain('errors')], [])).toEqual([
      'tsconfig.build.json must refer to libs/errors',
    ]);
  });

  test('refuses a package without tags', () => {
    expect(check({ ...domain('errors'), layer: undefined, runtime: undefined })).toHaveLength(2);
  });

  test('refuses a circle', () => {
    const problems = check(domain('a', ['@entrepot/b']), domain('b', ['@entrepot/a']));
    expect(problems).toEqual(['these packages depend on each other in a circle: @entrepot/a, @entrepot/b']);
  });

  test('refuses a dependency that does not exist', () => {
    expect(check(domain('a', ['@entrepot/gone']))).toContain(
      '@entrepot/a depends on @entrepot/gone: no such package',
    );
  });
});
