import type { ContentStore } from '@entrepot/content-store/content-store';
import { linkOfKey, repositoryPrefix } from '@entrepot/content-store/layout';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';

/** A repository as the links of a storage show it. */
export interface StoredRepository {
  readonly name: RepositoryName;
  /** The manifests that have a link. */
  readonly manifests: readonly Digest[];
  readonly tags: readonly Tag[];
}

/**
 * The repositories of a storage in distribution's layout, as registry:2, Harbor and our own mirror write them, by name.
 * What is no link of a repository is passed over. Holds the digests of all manifests in memory, about 150 bytes each.
 */
export async function listStoredRepositories(store: ContentStore): Promise<readonly StoredRepository[]> {
  const found = new Map<RepositoryName, { manifests: Digest[]; tags: Tag[] }>();
  for await (const { key } of store.driver.list(repositoryPrefix)) {
    const link = linkOfKey(key);
    if (link === undefined) continue;
    const repository = found.get(link.repository) ?? { manifests: [], tags: [] };
    found.set(link.repository, repository);
    if (link.kind === 'manifest') repository.manifests.push(link.digest);
    if (link.kind === 'tag') repository.tags.push(link.tag);
  }
  return Array.from(found, ([name, content]) => ({ name, ...content })).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}
