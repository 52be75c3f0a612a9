import { findRepositoryRow, type RepositoryRow } from '@entrepot/catalog/list-repositories';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import { parseRepositoryName } from '@entrepot/oci/repository-name';
import { projectOf, type Caller } from '../../http/caller.ts';

/**
 * A repository of the project that the path names. Its name comes encoded once or twice: the router took one layer
 * off, here goes the other. `REPOSITORY_NOT_FOUND` when there is none.
 */
export async function getRepositoryOfPath(
  database: Database,
  caller: Caller,
  params: { readonly repository_name: string },
): Promise<RepositoryRow> {
  const { project } = projectOf(caller);
  const name = `${project.name}/${decodeLayer(params.repository_name)}`;
  const row =
    parseRepositoryName(name) === undefined ? undefined : await findRepositoryRow(database, project.id, name);
  if (row === undefined) throw new AppError('REPOSITORY_NOT_FOUND', `repository ${name} not found`);
  return row;
}

function decodeLayer(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // no name holds a percent sign: it is simply not found
    return text;
  }
}
