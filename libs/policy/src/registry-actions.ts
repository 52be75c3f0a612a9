import type { Permission } from './permission.ts';
import { can, type Rights } from './rights.ts';

/** What a registry token may say of a repository. */
export type RegistryAction = 'pull' | 'push' | 'delete' | 'scanner-pull';

/** The permission in the repository's project that each action of a registry token needs. */
export const registryActionPermissions: Readonly<Record<RegistryAction, Permission>> = {
  pull: 'repository:pull',
  push: 'repository:push',
  delete: 'artifact:delete',
  'scanner-pull': 'repository:scanner-pull',
};

const actions: readonly RegistryAction[] = ['pull', 'push', 'delete', 'scanner-pull'];

/** The actions of registry tokens that rights in a project allow on its repositories. */
export function registryActions(rights: Rights): readonly RegistryAction[] {
  // scanner-pull is asked for by scanners alone: an administrator's token does not carry it
  return actions.filter(
    (action) =>
      can(rights, registryActionPermissions[action]) && (action !== 'scanner-pull' || !rights.administrator),
  );
}
