import { describe, expect, it } from 'vitest';
import { splitPermission } from './permission.ts';
import { projectPermissions, projectPermissionTable, publicPermissions } from './project-permissions.ts';
import { registryActions } from './registry-actions.ts';
import { administratorRights, can, noRights, permissionsInProject, rightsInProject } from './rights.ts';
import { robotProjectPermissions, robotSystemPermissions } from './robot-catalogue.ts';
import { checkRobotGrants, effectiveRobotPermissions, permissionsBeyond } from './robot-permissions.ts';
import { builtInRoles } from './roles.ts';
import { systemPermissions } from './system-permissions.ts';

function held(name: string): readonly string[] {
  return builtInRoles.find((role) => role.name === name)?.permissions ?? [];
}

function asRole(name: string, isPublic = false): ReturnType<typeof rightsInProject> {
  const role = builtInRoles.find((each) => each.name === name);
  return rightsInProject({ administrator: false, public: isPublic, permissions: role?.permissions ?? [] });
}

describe('the table of roles', () => {
  it.each([
    ['projectAdmin', 75],
    ['maintainer', 53],
    ['developer', 36],
    ['guest', 20],
    ['limitedGuest', 14],
  ])('gives %s %i permissions, none twice', (name, count) => {
    expect(held(name)).toHaveLength(count);
    expect(new Set(held(name)).size).toBe(count);
  });

  it('gives everybody 12 permissions in a public project', () => {
    expect(publicPermissions).toHaveLength(12);
  });

  it('has 75 pairs, and the two that no role holds', () => {
    const pairs = Object.values(projectPermissionTable).flatMap((actions) => Object.keys(actions));
    expect(pairs).toHaveLength(75);
    expect(projectPermissions).toHaveLength(77);
  });

  it('lists the roles under the ids of Harbor', () => {
    expect(builtInRoles.map((role) => `${role.id} ${role.name}`)).toEqual([
      '1 projectAdmin',
      '2 developer',
      '3 guest',
      '4 maintainer',
      '5 limitedGuest',
    ]);
  });

  it.each([
    ['guest', 'repository:push', false],
    ['guest', 'repository:pull', true],
    ['developer', 'repository:push', true],
    ['developer', 'artifact:delete', false],
    ['developer', 'tag-retention:update', true],
    ['maintainer', 'artifact:delete', true],
    ['maintainer', 'log:list', false],
    ['maintainer', 'member:create', false],
    ['limitedGuest', 'member:list', false],
    ['limitedGuest', 'quota:read', true],
    ['projectAdmin', 'project:delete', true],
    ['projectAdmin', 'metadata:list', false],
  ] as const)('%s and %s: %s', (name, permission, allowed) => {
    expect(can(asRole(name), permission)).toBe(allowed);
  });

  it('nests the roles: each holds all of the next lower one', () => {
    const order = ['projectAdmin', 'maintainer', 'developer', 'guest', 'limitedGuest'];
    for (const [index, name] of order.slice(1).entries()) {
      expect(held(order[index] ?? '')).toEqual(expect.arrayContaining([...held(name)]));
    }
  });
});

describe('rights', () => {
  it('are everything for administrators and nothing for strangers', () => {
    expect(can(administratorRights, 'project:delete')).toBe(true);
    expect(can(noRights, 'project:read')).toBe(false);
    expect(permissionsInProject(administratorRights)).toHaveLength(77);
  });

  it('of a role in a public project include what everybody may', () => {
    expect(can(asRole('limitedGuest', false), 'label:list')).toBe(false);
    expect(can(asRole('limitedGuest', true), 'label:list')).toBe(true);
  });

  it('do not leak from one place to another', () => {
    const before = asRole('guest').granted.size;
    asRole('guest', true);
    expect(asRole('guest').granted.size).toBe(before);
  });
});

describe('registryActions', () => {
  it.each([
    ['projectAdmin', ['pull', 'push', 'delete']],
    ['maintainer', ['pull', 'push', 'delete']],
    ['developer', ['pull', 'push']],
    ['guest', ['pull']],
    ['limitedGuest', ['pull']],
    ['nobody', []],
  ])('%s: %j', (name, actions) => {
    expect(registryActions(asRole(name))).toEqual(actions);
  });

  it('lets everybody pull from a public project, and no more', () => {
    expect(registryActions(asRole('nobody', true))).toEqual(['pull']);
  });

  it('keeps scanner-pull for those who hold it by name', () => {
    const scanner = rightsInProject({
      administrator: false,
      public: false,
      permissions: ['repository:scanner-pull'],
    });
    expect(registryActions(scanner)).toEqual(['scanner-pull']);
    expect(registryActions(administratorRights)).toEqual(['pull', 'push', 'delete']);
  });
});

describe('the catalogue of robots', () => {
  it('has 70 permissions for the system and 70 inside projects', () => {
    expect(new Set(robotSystemPermissions).size).toBe(70);
    expect(new Set(robotProjectPermissions).size).toBe(70);
  });

  it('offers inside projects only what exists there', () => {
    expect(projectPermissions).toEqual(expect.arrayContaining([...robotProjectPermissions]));
  });

  it('shows administrators the 53 system permissions of Harbor', () => {
    expect(new Set(systemPermissions).size).toBe(53);
  });
});

describe('checkRobotGrants', () => {
  const pull = { resource: 'repository', action: 'pull' };
  const inProject = { kind: 'project', namespace: 'team', access: [pull] };

  it('takes what the catalogue has', () => {
    expect(() => checkRobotGrants('project', [inProject])).not.toThrow();
    const wide = [
      { kind: 'system', namespace: '/', access: [{ resource: 'user', action: 'list' }] },
      inProject,
    ];
    expect(() => checkRobotGrants('system', [...wide, { ...inProject, namespace: '*' }])).not.toThrow();
  });

  it('refuses a pair that is not in the catalogue, by name', () => {
    const grant = { ...inProject, access: [{ resource: 'robot', action: 'update' }] };
    expect(() => checkRobotGrants('project', [grant])).toThrow('bad request permission: robot:update');
    const system = { kind: 'system', namespace: '/', access: [pull] };
    expect(() => checkRobotGrants('system', [system])).toThrow('bad request permission: repository:pull');
  });

  it.each([
    ['no entry', []],
    ['two entries', [inProject, inProject]],
    [
      'an entry for the system',
      [{ kind: 'system', namespace: '/', access: [{ resource: 'user', action: 'list' }] }],
    ],
    ['every project', [{ ...inProject, namespace: '*' }]],
    ['an unknown kind', [{ ...inProject, kind: 'team' }]],
    ['no access', [{ ...inProject, access: [] }]],
  ])('refuses a robot of a project with %s', (_, grants) => {
    expect(() => checkRobotGrants('project', grants)).toThrow();
  });
});

describe('what robots are given', () => {
  it('includes pull with push in a project, not in the system', () => {
    const push = ['repository:push'] as const;
    expect(effectiveRobotPermissions('project', push)).toEqual(['repository:push', 'repository:pull']);
    expect(effectiveRobotPermissions('system', push)).toEqual(['repository:push']);
  });

  it('is never more than the giver holds', () => {
    expect(permissionsBeyond(asRole('projectAdmin'), robotProjectPermissions)).toEqual([]);
    expect(permissionsBeyond(asRole('guest'), ['repository:pull', 'repository:push'])).toEqual([
      'repository:push',
    ]);
    expect(permissionsBeyond(administratorRights, robotSystemPermissions)).toEqual([]);
  });
});

describe('splitPermission', () => {
  it('gives back resource and action', () => {
    expect(splitPermission('artifact-addition:read')).toEqual({
      resource: 'artifact-addition',
      action: 'read',
    });
  });
});
