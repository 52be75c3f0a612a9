import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import type { AccessEntry } from '@entrepot/identity/token-claims';
import { parseRepositoryName, type RepositoryName } from '@entrepot/oci/repository-name';
import { parseScopes, type Scope } from '@entrepot/oci/scope';
import { registryActions, type RegistryAction } from '@entrepot/policy/registry-actions';
import { can } from '@entrepot/policy/rights';
import type { Principal } from './principal.ts';
import { rightsForRepositories, rightsInSystem, type ProjectRights } from './rights.ts';

const mostScopes = 100;
const everything: readonly RegistryAction[] = ['pull', 'push', 'delete'];

/** The scopes that a client asks for. `BAD_REQUEST` beyond 100. */
export function readScopes(requested: readonly string[]): readonly Scope[] {
  const scopes = parseScopes(requested);
  if (scopes.length <= mostScopes) return scopes;
  throw new AppError(
    'BAD_REQUEST',
    `a token takes at most ${mostScopes} scopes, not ${scopes.length}; ask for several tokens`,
  );
}

/**
 * What a token may say of the scopes that were asked for: of each, the actions that the principal holds and
 * that were asked for, never more. A repository that the principal may not see gets the same empty entry, by
 * the same statement, as one that does not exist or is no name at all; resource types that are not known are
 * left out.
 */
export async function grantScopes(
  database: Database,
  principal: Principal,
  scopes: readonly Scope[],
): Promise<AccessEntry[]> {
  const names = scopes.filter(isRepository).map((scope) => parseRepositoryName(scope.name));
  const rights = await rightsForRepositories(database, principal, [...new Set(names.filter(isName))]);
  const access: AccessEntry[] = [];
  for (const scope of scopes) {
    if (isRepository(scope)) access.push(grantRepository(scope, rights.get(scope.name)));
    else if (isCatalog(scope)) access.push(await grantCatalog(database, principal, scope));
  }
  return access;
}

/** The repositories that a client asks to push to. */
export function pushedRepositories(scopes: readonly Scope[]): readonly RepositoryName[] {
  return scopes
    .filter((scope) => isRepository(scope) && scope.actions.includes('push'))
    .map((scope) => parseRepositoryName(scope.name))
    .filter(isName);
}

/** The actions of a scope that rights allow. `*` asks for all that there is, as clients do to delete. */
export function intersectActions(
  asked: readonly string[],
  held: readonly RegistryAction[],
): readonly RegistryAction[] {
  return held.filter(
    (action) => asked.includes(action) || (asked.includes('*') && everything.includes(action)),
  );
}

function grantRepository(scope: Scope, found: ProjectRights | undefined): AccessEntry {
  const { type, name } = scope;
  const actions = found === undefined ? [] : intersectActions(scope.actions, registryActions(found.rights));
  // without an action the project is not named either: the entry must not tell that it exists
  if (found === undefined || actions.length === 0) return { type, name, actions: [] };
  return { type, name, actions, project: found.project.id, version: found.project.version };
}

async function grantCatalog(database: Database, principal: Principal, scope: Scope): Promise<AccessEntry> {
  const allowed =
    scope.actions.includes('*') && can(await rightsInSystem(database, principal), 'catalog:read');
  return { type: scope.type, name: scope.name, actions: allowed ? ['*'] : [] };
}

function isRepository(scope: Scope): boolean {
  return scope.type === 'repository';
}

function isCatalog(scope: Scope): boolean {
  return scope.type === 'registry' && scope.name === 'catalog';
}

function isName(name: RepositoryName | undefined): name is RepositoryName {
  return name !== undefined;
}
