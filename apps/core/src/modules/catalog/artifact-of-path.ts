import { findArtifactRow, type ArtifactParts, type ArtifactRow } from '@entrepot/catalog/list-artifacts';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import { parseReference } from '@entrepot/oci/reference';
import type { Caller } from '../../http/caller.ts';
import { getRepositoryOfPath } from './repository-of-path.ts';

/** The artifact that a path names by tag or digest. `MANIFEST_NOT_FOUND` when there is none. */
export async function getArtifactOfPath(
  database: Database,
  caller: Caller,
  params: { readonly repository_name: string; readonly reference: string },
  parts: ArtifactParts = { tags: false, accessories: false },
): Promise<ArtifactRow> {
  const repository = await getRepositoryOfPath(database, caller, params);
  const reference = parseReference(params.reference);
  const row =
    reference === undefined ? undefined : await findArtifactRow(database, repository.id, reference, parts);
  if (row !== undefined) return row;
  throw new AppError('MANIFEST_NOT_FOUND', `artifact ${repository.name}:${params.reference} not found`);
}
