import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Principal } from '@entrepot/access/principal';
import { rightsForRepository, rightsInProjects, type ProjectRights } from '@entrepot/access/rights';
import { nameHeader } from '@entrepot/api-contract/request-values';
import type { Database } from '@entrepot/database/database';
import { parseProjectName } from '@entrepot/oci/project-name';
import { parseRepositoryName } from '@entrepot/oci/repository-name';

const named = z.object({ project_name_or_id: z.string().optional(), project_name: z.string().optional() });

/**
 * The project that the path of a request names, with the rights of a principal in it, in one statement; undefined
 * when there is none. Digits alone are an id, unless `X-Is-Resource-Name: true` or the path takes names only.
 */
export async function projectOfPath(
  database: Database,
  request: FastifyRequest,
  principal: Principal,
): Promise<ProjectRights | undefined> {
  const params = named.parse(request.params);
  const isName = params.project_name !== undefined || nameHeader.parse(request.headers)['x-is-resource-name'];
  return await findProjectRights(
    database,
    principal,
    params.project_name ?? params.project_name_or_id ?? '',
    isName,
  );
}

/** The project of a name, or of an id when digits alone may be one, with the rights of a principal in it. */
export async function findProjectRights(
  database: Database,
  principal: Principal,
  nameOrId: string,
  isName: boolean,
): Promise<ProjectRights | undefined> {
  if (!isName && /^\d{1,15}$/.test(nameOrId)) {
    const id = Number(nameOrId);
    return (await rightsInProjects(database, principal, [id])).get(id);
  }
  const name = parseProjectName(nameOrId) === undefined ? undefined : parseRepositoryName(nameOrId);
  const found = name === undefined ? undefined : await rightsForRepository(database, principal, name);
  return found?.project.name === nameOrId ? found : undefined;
}
