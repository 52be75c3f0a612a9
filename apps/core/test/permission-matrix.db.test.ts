import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aProject, aRobot, aUser, password } from '@entrepot/access/testing';
import { fullPath, type Operation } from '@entrepot/api-contract/operation';
import { operations } from '@entrepot/api-contract/operations';
import { publicPermissions } from '@entrepot/policy/project-permissions';
import { robotProjectPermissions, robotSystemPermissions } from '@entrepot/policy/robot-catalogue';
import { builtInRoles } from '@entrepot/policy/roles';
import { nobody, startTestCore, type As, type TestCore } from './test-core.ts';

const inProject = operations.filter((op) => op.access.kind === 'project');
const inSystem = operations.filter((op) => op.access.kind === 'system');
const ids = new Map<string, number>();
let core: TestCore;

beforeAll(async () => {
  core = await startTestCore();
  await aUser(core.database, { username: 'admin', sysadmin: true });
  await aUser(core.database, { username: 'stranger' });
  const members = await Promise.all(
    builtInRoles.map(
      async (role) => [await aUser(core.database, { username: role.name.toLowerCase() }), role.id] as const,
    ),
  );
  for (const name of ['private', 'public']) {
    const project = await aProject(core.database, { name, public: name === 'public', members });
    ids.set(name, project.id);
  }
});
afterAll(() => core.close());

/**
 * Sends an operation with parameters that name nothing inside the project: whoever may call it gets as far as to be
 * told that, or that the body is wrong; nobody changes anything.
 */
async function isAllowed(op: Operation, project: string, as: As): Promise<boolean> {
  const path = fullPath(op)
    .replace(/\{project_name(_or_id)?\}/, project)
    .replace('{reference}', 'nothing')
    .replace('{repository_name}', 'nothing')
    .replaceAll(/\{\w+\}/g, '999999');
  // deleting an empty project would work: the one that is asked for it is told by _deletable
  const method = op.id === 'deleteProject' ? 'GET' : op.method;
  const probe = op.id === 'deleteProject' ? `${path}/_deletable` : path;
  const { status } = await core.send(method, probe, as, op.body === undefined ? {} : { raw: '[]' });
  expect([200, 400, 404, 409, 412, 422, 401, 403]).toContain(status);
  return status !== 401 && status !== 403;
}

function permissionOf(op: Operation): string {
  return 'permission' in op.access ? op.access.permission : '';
}

describe.each(inProject.map((op) => [op.id, op] as const))('%s', (_, op) => {
  it.each(builtInRoles.map((role) => [role.name, role] as const))(
    'is for %s as the table says',
    async (name, role) => {
      const expected = role.permissions.some((each) => each === permissionOf(op));
      expect(await isAllowed(op, 'private', [name.toLowerCase(), password])).toBe(expected);
    },
  );

  it('is for everybody in a public project as the table says, and for no stranger in a private one', async () => {
    const expected = publicPermissions.some((each) => each === permissionOf(op));
    for (const as of [nobody, ['stranger', password] as const]) {
      expect(await isAllowed(op, 'public', as)).toBe(expected);
      expect(await isAllowed(op, 'private', as)).toBe(false);
    }
    expect(await isAllowed(op, 'private', ['admin', password])).toBe(true);
  });
});

describe.each(inSystem.map((op) => [op.id, op] as const))('%s', (_, op) => {
  it('is for administrators, not for members of any role, nor nobody', async () => {
    expect(await isAllowed(op, '', ['admin', password])).toBe(true);
    expect(await isAllowed(op, '', ['projectadmin', password])).toBe(false);
    expect(await isAllowed(op, '', nobody)).toBe(false);
  });
});

describe('a robot', () => {
  it('with one permission in a project may do what needs it, there, and nothing else', async () => {
    const id = ids.get('private');
    for (const permission of ['repository:list', 'member:create', 'metadata:list', 'tag:delete'] as const) {
      expect(robotProjectPermissions).toContain(permission);
      const name = permission.replace(':', '-');
      const robot = await aRobot(core.database, { name, project: { id, permissions: [permission] } });
      for (const op of inProject) {
        const allowed = await isAllowed(op, 'private', [`robot$${name}`, robot.secret]);
        expect([permission, op.id, allowed]).toEqual([permission, op.id, permissionOf(op) === permission]);
      }
    }
  });

  it('with one permission in the system may do what needs it and nothing else', async () => {
    for (const permission of ['user:list', 'user:delete'] as const) {
      expect(robotSystemPermissions).toContain(permission);
      const name = `system-${permission.replace(':', '-')}`;
      const robot = await aRobot(core.database, { name, system: [permission] });
      for (const op of inSystem) {
        const allowed = await isAllowed(op, '', [`robot$${name}`, robot.secret]);
        expect([permission, op.id, allowed]).toEqual([permission, op.id, permissionOf(op) === permission]);
      }
    }
  });

  it('of one project holds nothing in another', async () => {
    const projectId = ids.get('public');
    const robot = await aRobot(core.database, {
      name: 'here',
      ...(projectId === undefined ? {} : { projectId }),
      project: { id: projectId, permissions: ['repository:list', 'project:delete'] },
    });
    const as: As = ['robot$public+here', robot.secret];
    expect((await core.send('GET', '/api/v2.0/projects/private/repositories', as)).status).toBe(403);
    expect((await core.send('GET', '/api/v2.0/projects/public/_deletable', as)).status).toBe(200);
  });
});
