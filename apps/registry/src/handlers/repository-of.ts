import type { LookupAnswer } from '@entrepot/catalog/content-lookup';
import { AppError } from '@entrepot/errors/app-error';
import type { RepositoryName } from '@entrepot/oci/repository-name';

/** The repository of an answer; `REPOSITORY_NOT_FOUND` when there is none. */
export function repositoryOf(
  answer: LookupAnswer,
  name: RepositoryName,
): NonNullable<LookupAnswer['repository']> {
  if (answer.repository === undefined) {
    throw new AppError(
      'REPOSITORY_NOT_FOUND',
      `repository ${name} does not exist; it is created by the first push to it`,
    );
  }
  return answer.repository;
}
