import { linkOfKey, mirrorDirectories, type RepositoryLink } from '@entrepot/content-store/layout';
import type { Digest } from '@entrepot/oci/digest';
import type { Tag } from '@entrepot/oci/tag';
import { forEachOf } from './for-each-of.ts';
import type { LinkFiles } from './link-files.ts';
import { storeManifestBytes, type ManifestBytesParts } from './manifest-bytes.ts';
import type { MirroredManifest, MirroredRepository } from './mirrored-content.ts';

/** What mirrors of repositories are made of. */
export interface RepositoryMirrorParts extends ManifestBytesParts {
  readonly files: LinkFiles;
}

const page = 200;

/** The files of one repository. Each method reads what is so now, and resolves when the files are so, and durable. */
export class RepositoryMirror {
  readonly #parts: RepositoryMirrorParts;
  readonly #repository: MirroredRepository;

  constructor(parts: RepositoryMirrorParts, repository: MirroredRepository) {
    this.#parts = parts;
    this.#repository = repository;
  }

  /** Everything that the repository has, and nothing else. */
  async mirrorWhole(): Promise<void> {
    const { content } = this.#parts;
    const { id, name } = this.#repository;
    for await (const manifests of content.listManifestPages(id, page)) await this.#addManifests(manifests);
    for await (const tags of content.listTagPages(id, page))
      await this.mirrorTags(tags.map(({ tag }) => tag));
    for (const directory of mirrorDirectories(name)) await this.#compareWith(directory);
  }

  /** These manifests: bytes, layers, then the links that name them; or no link of one that is not there. */
  async mirrorManifests(digests: readonly Digest[]): Promise<void> {
    const { content, files } = this.#parts;
    const live = await content.listManifests(this.#repository.id, digests);
    await this.#addManifests(live);
    const known = new Set(live.map(({ digest }) => digest));
    const gone = digests.filter((digest) => !known.has(digest));
    await files.removeDigests(this.#repository.name, 'manifest', gone);
  }

  /** These tags, and the manifests that they point at. */
  async mirrorTags(names: readonly Tag[]): Promise<void> {
    const { content, files } = this.#parts;
    const { id, name } = this.#repository;
    const tags = await content.listTags(id, names);
    await this.mirrorManifests(await this.#listUnmirrored(tags.map(({ digest }) => digest)));
    await forEachOf(tags, ({ tag, digest }) => files.setTag(name, tag, digest));
    const known = new Set(tags.map(({ tag }) => tag));
    for (const tag of names) if (!known.has(tag)) await files.removeTag(name, tag);
  }

  /** Removes the links of those of the blobs that the repository does not hold. */
  async removeLayers(digests: readonly Digest[]): Promise<void> {
    const { content, files } = this.#parts;
    const linked = await content.listLinked(this.#repository.id, digests);
    const gone = digests.filter((digest) => !linked.has(digest));
    await files.removeDigests(this.#repository.name, 'blob', gone);
  }

  async #addManifests(manifests: readonly MirroredManifest[]): Promise<void> {
    if (manifests.length === 0) return;
    const { content, files } = this.#parts;
    const { name } = this.#repository;
    await storeManifestBytes(this.#parts, this.#repository, manifests);
    await files.addDigests(name, 'blob', await content.listLayers(manifests.map(({ id }) => id)));
    const digests = manifests.map(({ digest }) => digest);
    await files.addDigests(name, 'manifest', digests);
  }

  /** Those of the manifests that have no link yet. */
  async #listUnmirrored(digests: readonly Digest[]): Promise<readonly Digest[]> {
    const missing: Digest[] = [];
    for (const digest of new Set(digests)) {
      const link = await this.#parts.files.read(this.#repository.name, { kind: 'manifest', digest });
      if (link !== digest) missing.push(digest);
    }
    return missing;
  }

  /** Compares the files of a directory with the database, and removes those that stand for nothing. */
  async #compareWith(directory: string): Promise<void> {
    let links: RepositoryLink[] = [];
    for await (const { key } of this.#parts.store.driver.list(`${directory}/`)) {
      const link = linkOfKey(key);
      if (link !== undefined) links.push(link);
      if (links.length < page) continue;
      await this.#compare(links);
      links = [];
    }
    await this.#compare(links);
  }

  async #compare(links: readonly RepositoryLink[]): Promise<void> {
    const digestsOf = (kind: 'blob' | 'manifest'): Digest[] =>
      links.flatMap((link) => (link.kind === kind ? link.digest : []));
    await this.mirrorManifests(digestsOf('manifest'));
    await this.removeLayers(digestsOf('blob'));
    await this.mirrorTags([...new Set(links.flatMap((link) => ('tag' in link ? link.tag : [])))]);
  }
}
