import { mayCreateProjects } from '@entrepot/access/create-project';
import { listPermittedProjects, listProjects, type Asker } from '@entrepot/access/permitted-projects';
import type { KnownPrincipal } from '@entrepot/access/principal';
import { rightsForRepository, type ProjectRights } from '@entrepot/access/rights';
import { findRobotPrincipal } from '@entrepot/access/robot-account';
import { findUserPrincipal } from '@entrepot/access/user-account';
import type { Database } from '@entrepot/database/database';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Permission } from '@entrepot/policy/permission';
import { registryActionPermissions, type RegistryAction } from '@entrepot/policy/registry-actions';
import { can } from '@entrepot/policy/rights';
import { builtInRoles } from '@entrepot/policy/roles';

/** What was refused. */
export interface RefusedWish {
  readonly repository: RepositoryName;
  readonly action: Exclude<RegistryAction, 'scanner-pull'>;
}

const verbs = { pull: 'pull from', push: 'push to', delete: 'delete from' } as const;
const mostNames = 5;

/**
 * Says why a caller may not do this, and what to do about it. Only to those who hold a right in the project, or
 * may see every project, does it say whether this one exists; everybody else hears the same about a missing project
 * and a hidden one (I7), with the projects that they know of anyway.
 */
export async function explainRefusal(database: Database, asker: Asker, wish: RefusedWish): Promise<string> {
  const { repository, action } = wish;
  if (asker === undefined) {
    return `authentication required to ${verbs[action]} ${repository}: log in with an account that may`;
  }
  const refusal = `unauthorized to access repository: ${repository}, action: ${action}`;
  const find = asker.kind === 'user' ? findUserPrincipal : findRobotPrincipal;
  const principal = await find(database, asker.id);
  if (principal === undefined) return `${refusal}: the account of this token is gone or disabled`;
  const found = await rightsForRepository(database, principal, repository);
  const reason =
    found !== undefined && knows(found)
      ? explainKnown(principal, found, wish)
      : await explainUnknown(database, principal, wish);
  const advice = action === 'push' ? await adviseOnPush(database, principal, wish) : '';
  return `${refusal}: ${reason}${advice}`;
}

// what everybody may do in a public project counts
function knows({ rights }: ProjectRights): boolean {
  return rights.administrator || rights.granted.size > 0;
}

function explainKnown(
  principal: KnownPrincipal,
  { project, rights }: ProjectRights,
  wish: RefusedWish,
): string {
  const { action, repository } = wish;
  const needed = registryActionPermissions[action];
  if (can(rights, needed)) {
    return `the token does not cover it, or is older than a change of rights: ask for one with the scope repository:${repository}:${action}`;
  }
  if (principal.kind === 'robot') {
    return `project ${project.name} exists, but this robot may not ${verbs[action]} it: whoever manages the robot can give it ${needed}`;
  }
  return `project ${project.name} exists, but your account may not ${verbs[action]} it: ask an administrator of the project for the role ${rolesWith(needed)}`;
}

function rolesWith(permission: Permission): string {
  const names = builtInRoles
    .filter(({ permissions }) => permissions.includes(permission))
    .map(({ name }) => name);
  return names.join(' or ');
}

async function explainUnknown(
  database: Database,
  principal: KnownPrincipal,
  { repository, action }: RefusedWish,
): Promise<string> {
  if (!repository.includes('/')) {
    return `a repository name begins with its project, as in <project>/${repository}`;
  }
  const project = projectPart(repository);
  const permitted = await listPermittedProjects(database, principal, registryActionPermissions[action], 1);
  const check = action === 'push' ? '' : '; check the name';
  if (permitted === undefined) return `project ${project} does not exist${check}`;
  const ask = action === 'push' ? '' : ', or ask an administrator of the project';
  return `project ${project} does not exist, or your account may not ${verbs[action]} it${check}${ask}`;
}

/** The projects that can be pushed to, by name, and how to make another. */
async function adviseOnPush(
  database: Database,
  principal: KnownPrincipal,
  { repository }: RefusedWish,
): Promise<string> {
  const limit = mostNames + 1;
  const projects =
    (await listPermittedProjects(database, principal, 'repository:push', limit)) ??
    (await listProjects(database, limit));
  const names = projects.slice(0, mostNames).map(({ name }) => name);
  const others = projects.length > mostNames ? ' and others' : '';
  const known = names.length === 0 ? '' : `; you may push to ${names.join(', ')}${others}`;
  if (await mayCreateProjects(database, principal)) return `${known}; ${howToCreate(repository)}`;
  return known === '' ? '; ask an administrator for a project of your own' : known;
}

function howToCreate(repository: RepositoryName): string {
  const example = repository.includes('/') ? projectPart(repository) : '…';
  return `to create a project, POST {"project_name": "${example}"} to /api/v2.0/projects`;
}

function projectPart(repository: RepositoryName): string {
  return repository.split('/', 1)[0] ?? repository;
}
