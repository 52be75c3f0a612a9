import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { ContentStore } from './content-store.ts';
import { linkKey, type RepositoryLink } from './layout.ts';

const longestLink = 200;

/** What a link file of a repository holds, a digest as a rule, unchecked; `undefined` when there is no such file. */
export async function readLink(
  store: ContentStore,
  repository: RepositoryName,
  link: RepositoryLink,
): Promise<string | undefined> {
  let text = '';
  const range = { start: 0, end: longestLink };
  const found = await store.driver.read(linkKey(repository, link), range, (chunk) => {
    text += chunk.toString('latin1');
  });
  return found ? text.trim() : undefined;
}
