import { listPermittedProjects, type Asker } from '@entrepot/access/permitted-projects';
import { findProjectOfName } from '@entrepot/access/project-of-name';
import type { Database } from '@entrepot/database/database';
import type { RepositoryName } from '@entrepot/oci/repository-name';

const verbs: Readonly<Record<string, string>> = { pull: 'pull from', push: 'push to', delete: 'delete from' };

/**
 * Says why a caller may not do this, and what to do about it. Only to those who may see every project does it say
 * whether this one exists; everybody else hears the same about a missing project and a hidden one (I7), with the
 * projects that they know of anyway.
 */
export async function explainRefusal(
  database: Database,
  asker: Asker,
  wish: { readonly repository: RepositoryName; readonly action: string },
): Promise<string> {
  const { repository, action } = wish;
  const verb = verbs[action] ?? action;
  if (asker === undefined) {
    return `authentication required to ${verb} ${repository}: log in with an account that may`;
  }
  const [project = repository] = repository.split('/', 1);
  const permitted = await listPermittedProjects(database, asker, 'repository:push', 6);
  if (permitted === undefined) return await explainToAdministrator(database, wish, { project, verb });
  const refusal = `unauthorized to access repository: ${repository}, action: ${action}`;
  if (!repository.includes('/')) {
    return `${refusal}: a repository name begins with its project, as in <project>/${repository}${among(permitted)}`;
  }
  return `${refusal}: project ${project} does not exist, or your account may not ${verb} it${among(permitted)}`;
}

async function explainToAdministrator(
  database: Database,
  { repository, action }: { readonly repository: RepositoryName; readonly action: string },
  { project, verb }: { readonly project: string; readonly verb: string },
): Promise<string> {
  if ((await findProjectOfName(database, repository)) !== undefined) {
    return `the token does not cover ${action} on ${repository}: ask for one with that scope to ${verb} it`;
  }
  if (!repository.includes('/')) {
    return `${repository} belongs to no project: ${verb} <project>/${repository}, for a project that exists`;
  }
  return `project ${project} does not exist: create it (POST /api/v2.0/projects), or push to one that exists`;
}

function among(projects: readonly { readonly name: string }[]): string {
  if (projects.length === 0) return '; ask an administrator for a project of your own';
  const names = projects.slice(0, 5).map((project) => project.name);
  return `; you may push to ${names.join(', ')}${projects.length > 5 ? ' and others' : ''}`;
}
