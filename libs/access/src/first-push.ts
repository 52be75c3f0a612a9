import type { Database } from '@entrepot/database/database';
import { AppError, isAppError } from '@entrepot/errors/app-error';
import { projectNameOf, type ProjectName } from '@entrepot/oci/project-name';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { createProject, mayCreateProjects } from './create-project.ts';
import { principalName, type Principal } from './principal.ts';
import { findProjectsOfNames } from './project-of-name.ts';

/**
 * Who creates a project by pushing to it: nobody, people one that is named like themselves, or everybody who may
 * create projects.
 */
export type FirstPushPolicy = 'off' | 'own-name' | 'anyone';

// a push is to one project; a script that asks for a token for all of its pushes has a few
const mostProjects = 5;

/**
 * Creates the private projects that a push to these repositories lacks, where the policy and the rights of the
 * principal allow it. What is not allowed is left to be refused as any project that does not exist.
 * `BAD_REQUEST`, and nothing is created, when more than five would be.
 */
export async function createProjectsForPush(
  database: Database,
  principal: Principal,
  push: {
    readonly policy: FirstPushPolicy;
    readonly names: readonly RepositoryName[];
    readonly address?: string | undefined;
  },
): Promise<void> {
  if (push.policy === 'off' || principal.kind === 'anonymous') return;
  const names = push.names.filter((name) => name.includes('/'));
  if (names.length === 0) return;
  const known = await findProjectsOfNames(database, names);
  const missing = new Set(names.filter((name) => !known.has(name)).map(projectNameOf));
  const wanted = [...missing].filter((name) => push.policy === 'anyone' || name === principalName(principal));
  if (wanted.length === 0 || !(await mayCreateProjects(database, principal))) return;
  if (wanted.length > mostProjects) {
    throw new AppError(
      'BAD_REQUEST',
      `one request creates at most ${mostProjects} projects by pushing, not ${wanted.length}; ask for several tokens`,
    );
  }
  for (const name of wanted) await createFor(database, principal, { name, address: push.address });
}

async function createFor(
  database: Database,
  principal: Exclude<Principal, { kind: 'anonymous' }>,
  { name, address }: { readonly name: ProjectName; readonly address: string | undefined },
): Promise<void> {
  const ownerId = principal.kind === 'user' ? principal.id : undefined;
  const actor = { actor: principal.name, actorKind: principal.kind, address };
  try {
    await createProject(database, { name, ownerId, public: false }, actor);
  } catch (error) {
    // two first pushes at once: the project is there, which is all that was wanted
    if (!isAppError(error, 'PROJECT_EXISTS')) throw error;
  }
}
