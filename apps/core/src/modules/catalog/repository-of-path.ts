import { findRepositoryRow, type RepositoryRow } from '@entrepot/catalog/list-repositories';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import { projectOf, type Caller } from '../../http/caller.ts';

/**
 * The whole name of a repository in a path. It comes encoded once or twice: the router took one layer off, here goes
 * the other.
 */
export function repositoryNameOf(caller: Caller, inPath: string): string {
  return `${projectOf(caller).project.name}/${decodeLayer(inPath)}`;
}

/** A repository of the project that the path names. `REPOSITORY_NOT_FOUND` when there is none. */
export async function getRepositoryOfPath(
  database: Database,
  caller: Caller,
  params: { readonly repository_name: string },
): Promise<RepositoryRow> {
  const name = repositoryNameOf(caller, params.repository_name);
  const row = await findRepositoryRow(database, projectOf(caller).project.id, name);
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
