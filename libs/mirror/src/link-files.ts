import {
  linkKey,
  tagDirectory,
  mirrorDirectories,
  type RepositoryLink,
} from '@entrepot/content-store/layout';
import type { ContentStore } from '@entrepot/content-store/content-store';
import { readLink } from '@entrepot/content-store/read-link';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';
import { forEachOf } from './for-each-of.ts';

/** The link files of repositories: each holds one digest, as distribution writes it. */
export class LinkFiles {
  readonly #store: ContentStore;

  constructor(store: ContentStore) {
    this.#store = store;
  }

  /** The digest that a link file holds, unchecked; `undefined` when there is none. */
  read(repository: RepositoryName, link: RepositoryLink): Promise<string | undefined> {
    return readLink(this.#store, repository, link);
  }

  /** Makes links of blobs or manifests, those that are not there yet; durable when it resolves. */
  async addDigests(
    repository: RepositoryName,
    kind: 'blob' | 'manifest',
    digests: readonly Digest[],
  ): Promise<void> {
    await forEachOf(digests, (digest) => this.#write(repository, { kind, digest }, digest));
  }

  /** Removes links of blobs or manifests. */
  async removeDigests(
    repository: RepositoryName,
    kind: 'blob' | 'manifest',
    digests: readonly Digest[],
  ): Promise<void> {
    await this.#store.driver.remove(digests.map((digest) => linkKey(repository, { kind, digest })));
  }

  /** Points a tag at a manifest, whose own link has to be there before. */
  async setTag(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    await this.#write(repository, { kind: 'tag-history', tag, digest }, digest);
    await this.#write(repository, { kind: 'tag', tag }, digest);
  }

  /** Removes a tag, its history included. */
  async removeTag(repository: RepositoryName, tag: Tag): Promise<void> {
    await this.#store.driver.removeBelow(tagDirectory(repository, tag));
  }

  /** Removes everything of a repository. */
  async removeRepository(repository: RepositoryName): Promise<void> {
    for (const directory of mirrorDirectories(repository)) await this.#store.driver.removeBelow(directory);
  }

  async #write(repository: RepositoryName, link: RepositoryLink, digest: Digest): Promise<void> {
    if ((await this.read(repository, link)) === digest) return;
    await this.#store.driver.put(linkKey(repository, link), Buffer.from(digest));
  }
}
