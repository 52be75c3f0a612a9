import { describe, expect, it } from 'vitest';
import { projectPermissions } from '@entrepot/policy/project-permissions';
import { robotSystemPermissions } from '@entrepot/policy/robot-catalogue';
import { systemPermissions } from '@entrepot/policy/system-permissions';
import { fullPath } from './operation.ts';
import { operations } from './operations.ts';
import { ProjectReq } from './projects.ts';
import { integerText, pageParameters } from './request-values.ts';

describe('the operations', () => {
  it('have an id and a route of their own', () => {
    const ids = operations.map((op) => op.id);
    const routes = operations.map((op) => `${op.method} ${fullPath(op)}`);
    expect(ids).toEqual([...new Set(ids)]);
    expect(routes).toEqual([...new Set(routes)]);
    expect(operations.length).toBeGreaterThan(45);
  });

  it.each(operations.map((op) => [op.id, op] as const))('%s asks for a permission that exists', (_, op) => {
    if (op.access.kind === 'project') expect(projectPermissions).toContain(op.access.permission);
    if (op.access.kind === 'system') {
      expect([...systemPermissions, ...robotSystemPermissions]).toContain(op.access.permission);
    }
  });

  it.each(operations.map((op) => [op.id, op] as const))(
    '%s describes the parameters of its path',
    (_, op) => {
      const named = [...op.path.matchAll(/\{(\w+)\}/g)].map((found) => found[1]);
      expect(Object.keys(op.params?.shape ?? {})).toEqual(named);
      if (op.access.kind === 'project') expect(named[0]).toMatch(/^project_name/);
    },
  );

  it('that change something in the system or a project name a permission', () => {
    const open = operations.filter((op) => op.method !== 'GET' && op.access.kind === 'public');
    expect(open).toEqual([]);
  });
});

describe('the values of requests', () => {
  it('take a page size up to 100', () => {
    expect(pageParameters.page_size.safeParse('100').success).toBe(true);
    expect(pageParameters.page_size.safeParse('101').success).toBe(false);
    expect(pageParameters.page_size.parse('-1')).toBe(-1);
  });

  it.each(['', 'abc', '1.5', '1e3', '9999999999999999', '0x1'])('refuse %j as a number', (text) => {
    expect(integerText.safeParse(text).success).toBe(false);
  });

  it('drop unknown members of a body', () => {
    expect(ProjectReq.parse({ project_name: 'a', count_limit: 3 })).toEqual({ project_name: 'a' });
  });
});
