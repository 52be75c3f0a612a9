import { permissionsOf, type Permission } from './permission.ts';

/**
 * What administrators see when they ask for their permissions on the system: Harbor's list, which portals and
 * scripts read. Administrators may do everything, so this list grants nothing.
 */
export const systemPermissions: readonly Permission[] = permissionsOf({
  'audit-log': 'list',
  catalog: 'read',
  configuration: 'read update',
  distribution: 'create read update delete list',
  'garbage-collection': 'create read update delete list',
  'jobservice-monitor': 'read list stop',
  'ldap-user': 'create list',
  project: 'create read update delete list',
  registry: 'create read update delete list',
  replication: 'create read update list delete',
  'scan-all': 'create read update delete list stop',
  'security-hub': 'read list',
  'system-volumes': 'read',
  user: 'create read update delete list',
  'user-group': 'create read update delete list',
});
