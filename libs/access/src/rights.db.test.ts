import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '@entrepot/database/database';
import type { ProjectEntity } from '@entrepot/database/entities/project.entity';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { parseRepositoryName, type RepositoryName } from '@entrepot/oci/repository-name';
import { registryActions } from '@entrepot/policy/registry-actions';
import { can } from '@entrepot/policy/rights';
import { anonymous, type Principal } from './principal.ts';
import { findProjectsOfNames } from './project-of-name.ts';
import { rightsForRepositories, rightsInProjects, rightsInSystem } from './rights.ts';
import { findRobotPrincipal } from './robot-account.ts';
import { aProject, aRobot, aUser } from './testing.ts';
import { findUserPrincipal } from './user-account.ts';

let test: TestDatabase;
let database: Database;
let team: ProjectEntity;
let open: ProjectEntity;
let hidden: ProjectEntity;
const people: Record<string, Principal> = {};

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
  const names = ['root', 'master', 'maker', 'reader', 'stranger'];
  const users = new Map<string, Awaited<ReturnType<typeof aUser>>>();
  for (const username of names) {
    const user = await aUser(database, { username, sysadmin: username === 'root' });
    users.set(username, user);
    people[username] = (await findUserPrincipal(database, user.id)) ?? anonymous;
  }
  const members = [
    ['master', 1],
    ['maker', 2],
    ['reader', 3],
  ] as const;
  team = await aProject(database, {
    name: 'team',
    members: members.map(([who, role]) => [users.get(who)!, role] as const),
  });
  open = await aProject(database, { name: 'open', public: true });
  hidden = await aProject(database, { name: 'hidden' });
});
afterAll(() => test.close());

function name(text: string): RepositoryName {
  const parsed = parseRepositoryName(text);
  if (parsed === undefined) throw new Error(`not a name: ${text}`);
  return parsed;
}

async function actions(principal: Principal, ...names: string[]): Promise<Record<string, readonly string[]>> {
  const found = await rightsForRepositories(database, principal, names.map(name));
  return Object.fromEntries([...found].map(([key, { rights }]) => [key, registryActions(rights)]));
}

describe('rights of people', () => {
  it.each([
    ['master', { 'team/a': ['pull', 'push', 'delete'], 'open/a': ['pull'], 'hidden/a': [] }],
    ['maker', { 'team/a': ['pull', 'push'], 'open/a': ['pull'], 'hidden/a': [] }],
    ['reader', { 'team/a': ['pull'], 'open/a': ['pull'], 'hidden/a': [] }],
    ['stranger', { 'team/a': [], 'open/a': ['pull'], 'hidden/a': [] }],
    [
      'root',
      {
        'team/a': ['pull', 'push', 'delete'],
        'open/a': ['pull', 'push', 'delete'],
        'hidden/a': ['pull', 'push', 'delete'],
      },
    ],
  ])('are those of the roles of %s and of everybody', async (who, expected) => {
    expect(await actions(people[who] ?? anonymous, 'team/a', 'open/a', 'hidden/a', 'absent/a')).toEqual(
      expected,
    );
  });

  it('are what everybody may for an anonymous caller', async () => {
    expect(await actions(anonymous, 'team/a', 'open/a')).toEqual({ 'team/a': [], 'open/a': ['pull'] });
  });

  it('can be read for many projects by id', async () => {
    const found = await rightsInProjects(database, people['maker'] ?? anonymous, [
      team.id,
      hidden.id,
      999_999,
    ]);
    expect(new Set(found.keys())).toEqual(new Set([team.id, hidden.id]));
    expect(can(found.get(team.id)!.rights, 'repository:push')).toBe(true);
    expect(can(found.get(hidden.id)!.rights, 'project:read')).toBe(false);
  });

  it('reach outside projects for administrators only', async () => {
    expect(can(await rightsInSystem(database, people['root'] ?? anonymous), 'catalog:read')).toBe(true);
    expect(can(await rightsInSystem(database, people['master'] ?? anonymous), 'catalog:read')).toBe(false);
    expect(can(await rightsInSystem(database, anonymous), 'catalog:read')).toBe(false);
  });
});

describe('rights of robots', () => {
  it('are what was granted, in one project, in all, or in the system', async () => {
    const one = await aRobot(database, {
      name: 'one',
      project: { id: team.id, permissions: ['repository:push'] },
    });
    const all = await aRobot(database, {
      name: 'all',
      project: { id: undefined, permissions: ['repository:pull'] },
      system: ['catalog:read'],
    });
    const [first, second] = [
      await findRobotPrincipal(database, one.id),
      await findRobotPrincipal(database, all.id),
    ];
    expect(await actions(first ?? anonymous, 'team/a', 'hidden/a')).toEqual({
      'team/a': ['push'],
      'hidden/a': [],
    });
    expect(await actions(second ?? anonymous, 'team/a', 'hidden/a')).toEqual({
      'team/a': ['pull'],
      'hidden/a': ['pull'],
    });
    expect(can(await rightsInSystem(database, second ?? anonymous), 'catalog:read')).toBe(true);
    expect(can(await rightsInSystem(database, first ?? anonymous), 'catalog:read')).toBe(false);
  });
});

describe('the project of a name', () => {
  it('is that of the repository, whatever projects came later, and else the longest prefix', async () => {
    await database.query('INSERT INTO repository (project_id, name) VALUES ($1, $2)', [
      hidden.id,
      'team/moved',
    ]);
    const nested = await aProject(database, { name: 'team/inner' });
    const found = await findProjectsOfNames(
      database,
      ['team/moved', 'team/other', 'team/inner/app', 'team/inner', 'team', 'teams/app', 'open'].map(name),
    );
    expect(Object.fromEntries([...found].map(([key, project]) => [key, project.id]))).toEqual({
      'team/moved': hidden.id,
      'team/other': team.id,
      'team/inner/app': nested.id,
      'team/inner': nested.id,
      team: team.id,
      open: open.id,
    });
  });

  it('is none when the project was deleted, and carries the version that tokens need', async () => {
    const gone = await aProject(database, { name: 'gone' });
    expect((await findProjectsOfNames(database, [name('gone/a')])).get('gone/a')).toEqual({
      id: gone.id,
      name: 'gone',
      version: 1,
      public: false,
    });
    await database.query('UPDATE project SET deleted_at = now() WHERE id = $1', [gone.id]);
    expect(await findProjectsOfNames(database, [name('gone/a')])).toEqual(new Map());
  });
});
