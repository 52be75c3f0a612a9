import { parseRepositoryName, type RepositoryName } from './repository-name.ts';

/** A project name: the first path component of its repositories' names; made by {@link parseProjectName}. */
export type ProjectName = string & { readonly __brand: 'ProjectName' };

/**
 * Reads a project name: one path component of distribution-spec's repository grammar, at most 255 characters.
 * That holds every name that Harbor accepts (`[a-z0-9]+(?:[._-][a-z0-9]+)*`) and also `a__b` and `a--b`.
 */
export function parseProjectName(text: string): ProjectName | undefined {
  const name = text.includes('/') ? undefined : parseRepositoryName(text);
  return name as ProjectName | undefined;
}

/** The project part of a repository name: its first path component. */
export function projectNameOf(name: RepositoryName): ProjectName {
  return name.split('/', 1).join('') as ProjectName;
}
