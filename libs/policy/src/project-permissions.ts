import { permission, type Permission } from './permission.ts';

/** Who of the built-in roles has a permission: one letter each, see {@link roleLetters}. */
export type Holders = string;

/** The letter of each built-in role, and of everybody in a public project, in {@link projectPermissionTable}. */
export const roleLetters = {
  projectAdmin: 'A',
  maintainer: 'M',
  developer: 'D',
  guest: 'G',
  limitedGuest: 'L',
  everybody: 'P',
} as const;

/**
 * Every permission inside a project and the roles that hold it: A projectAdmin, M maintainer, D developer,
 * G guest, L limitedGuest, P everybody in a public project. The resource `project` is the project itself.
 * Harbor's table, pair by pair, so that whoever moves here keeps exactly the rights they had.
 */
export const projectPermissionTable: Readonly<Record<string, Readonly<Record<string, Holders>>>> = {
  project: { read: 'AMDGLP', update: 'A', delete: 'A' },
  accessory: { list: 'AMDGLP' },
  artifact: { create: 'AMD', delete: 'AM', list: 'AMDGLP', read: 'AMDGLP' },
  'artifact-addition': { read: 'AMDGLP' },
  'artifact-label': { create: 'AMD', delete: 'AMD' },
  configuration: { read: 'AMDGL', update: 'A' },
  'export-cve': { create: 'AMD', list: 'AMD', read: 'AMD' },
  'immutable-tag': { create: 'AM', delete: 'AM', list: 'AM', update: 'AM' },
  label: { create: 'AM', delete: 'AM', list: 'AMDGP', read: 'AMDGP', update: 'AM' },
  log: { list: 'A' },
  member: { create: 'A', delete: 'A', list: 'AMDG', read: 'AMDG', update: 'A' },
  metadata: { create: 'A', delete: 'A', read: 'AM', update: 'A' },
  'notification-policy': { create: 'A', delete: 'A', list: 'AM', read: 'AM', update: 'A' },
  'preheat-policy': { create: 'A', delete: 'A', list: 'A', read: 'A', update: 'A' },
  quota: { read: 'AMDGL' },
  repository: {
    create: 'AMD',
    delete: 'AM',
    list: 'AMDGLP',
    pull: 'AMDGLP',
    push: 'AMD',
    read: 'AMDGL',
    update: 'AMD',
  },
  robot: { create: 'A', delete: 'A', list: 'AMDG', read: 'AMDG', update: 'A' },
  sbom: { create: 'AM', read: 'AMDGL', stop: 'AM' },
  scan: { create: 'AM', read: 'AMDGLP', stop: 'AM' },
  scanner: { create: 'A', read: 'AMDGLP' },
  tag: { create: 'AMD', delete: 'AM', list: 'AMDGLP' },
  'tag-retention': {
    create: 'AMD',
    delete: 'AMD',
    list: 'AMD',
    operate: 'AMD',
    read: 'AMD',
    update: 'AMD',
  },
};

/**
 * Permissions inside a project that no role holds: administrators have them, and robots may be given
 * `metadata:list`. `repository:scanner-pull` is for the robots of scanners alone.
 */
export const rolelessProjectPermissions: readonly Permission[] = ['metadata:list', 'repository:scanner-pull'];

/** The permissions that a letter of {@link roleLetters} stands for. */
export function permissionsHeldBy(letter: string): readonly Permission[] {
  return Object.entries(projectPermissionTable).flatMap(([resource, actions]) =>
    Object.entries(actions)
      .filter(([, holders]) => holders.includes(letter))
      .map(([action]) => permission(resource, action)),
  );
}

/** What everybody, anonymous included, may do in a public project. */
export const publicPermissions: readonly Permission[] = permissionsHeldBy(roleLetters.everybody);

/** Every permission that exists inside a project. */
export const projectPermissions: readonly Permission[] = [
  ...Object.entries(projectPermissionTable).flatMap(([resource, actions]) =>
    Object.keys(actions).map((action) => permission(resource, action)),
  ),
  ...rolelessProjectPermissions,
];
