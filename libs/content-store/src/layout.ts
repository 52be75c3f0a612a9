/**
 * The key space, drawn once. This is the only file that builds a key.
 *
 * ```
 * docker/registry/
 *   entrepot.json                                   the storage identity: instance, format, epoch
 *   uploads/<uuid>.<generation>                     bytes of an upload, by the one writer of that generation
 *   trash/<lease>.<algorithm>.<hex>                 bytes of a blob on their way out, until their row is looked at again
 *   v2/blobs/<algorithm>/<2 hex>/<hex>/data         a blob, or the mirror of a manifest, by digest
 *   v2/repositories/<name>/                         the mirror of a repository: each file holds a digest
 *     _layers/<algorithm>/<hex>/link                  a blob of a manifest of the repository
 *     _manifests/revisions/<algorithm>/<hex>/link     a manifest of the repository
 *     _manifests/tags/<tag>/current/link              where the tag points
 *     _manifests/tags/<tag>/index/<algorithm>/<hex>/link
 * ```
 *
 * `v2/` is distribution's, byte for byte, so that its storage directory can be taken over in place and given back.
 * Uploads and trash are no part of such a hand-over: they lie flat beside it, and opening one makes no directory.
 */
import { digestAlgorithm, digestHex, parseDigest, type Digest } from '@entrepot/oci/digest';
import { parseRepositoryName, type RepositoryName } from '@entrepot/oci/repository-name';
import { parseTag, type Tag } from '@entrepot/oci/tag';

/** Key of the storage identity. */
export const identityKey = 'docker/registry/entrepot.json';

/** Prefix of every blob's key. */
export const blobPrefix = 'docker/registry/v2/blobs/';

/** Key of the bytes of a digest, which a blob and a manifest of the same bytes share. */
export function blobKey(digest: Digest): string {
  const hex = digestHex(digest);
  return `${blobPrefix}${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}/data`;
}

/** The digest whose bytes are at `key`; `undefined` when it is not the key of a blob. */
export function blobDigest(key: string): Digest | undefined {
  const [algorithm, , hex] = key.slice(blobPrefix.length).split('/');
  const digest = parseDigest(`${algorithm}:${hex}`);
  return digest !== undefined && blobKey(digest) === key ? digest : undefined;
}

/** Prefix of the keys of uploads. */
export const uploadPrefix = 'docker/registry/uploads/';

/** Key of the bytes that the writer of `generation` adds to the upload `uuid`. */
export function uploadKey(uuid: string, generation: number): string {
  return `${uploadPrefix}${uuid}.${generation}`;
}

/** Whose upload the bytes at `key` are; `undefined` when it is not a key of {@link uploadKey}. */
export function uploadOfKey(key: string): { uuid: string; generation: number } | undefined {
  const match = /^([0-9a-f-]{36})\.(\d{1,9})$/.exec(key.slice(uploadPrefix.length));
  const [, uuid, generation] = match ?? [];
  return uuid === undefined ? undefined : { uuid, generation: Number(generation) };
}

/** Prefix of the keys of blobs that are being removed. */
export const trashPrefix = 'docker/registry/trash/';

/** Key at which the bytes of a blob wait that is being removed under `lease`, a UUID. */
export function trashKey(digest: Digest, lease: string): string {
  return `${trashPrefix}${lease}.${digestAlgorithm(digest)}.${digestHex(digest)}`;
}

/** Whose bytes are at `key`, and the lease; `undefined` when it is not a key of {@link trashKey}. */
export function trashOfKey(key: string): { digest: Digest; lease: string } | undefined {
  const match = /^([0-9a-f-]{36})\.([a-z0-9]+)\.([0-9a-f]+)$/.exec(key.slice(trashPrefix.length));
  const [, lease, algorithm, hex] = match ?? [];
  const digest = parseDigest(`${algorithm}:${hex}`);
  return lease === undefined || digest === undefined ? undefined : { digest, lease };
}

/** Prefix of the mirrors of all repositories. */
export const repositoryPrefix = 'docker/registry/v2/repositories/';

/** What a link file of a repository stands for. */
export type RepositoryLink =
  | { readonly kind: 'blob' | 'manifest'; readonly digest: Digest }
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'tag-history'; readonly tag: Tag; readonly digest: Digest };

/** Key of a link file in the mirror of `repository`. */
export function linkKey(repository: RepositoryName, link: RepositoryLink): string {
  const own = `${repositoryPrefix}${repository}/`;
  switch (link.kind) {
    case 'blob':
      return `${own}_layers/${digestPath(link.digest)}/link`;
    case 'manifest':
      return `${own}_manifests/revisions/${digestPath(link.digest)}/link`;
    case 'tag':
      return `${tagDirectory(repository, link.tag)}/current/link`;
    case 'tag-history':
      return `${tagDirectory(repository, link.tag)}/index/${digestPath(link.digest)}/link`;
  }
}

/** Where the mirror of a repository holds what there is of one tag. */
export function tagDirectory(repository: RepositoryName, tag: Tag): string {
  return `${repositoryPrefix}${repository}/_manifests/tags/${tag}`;
}

/** Where the mirror of a repository lies, and nothing of those whose names begin with its own. */
export function mirrorDirectories(repository: RepositoryName): readonly string[] {
  return ['_manifests', '_layers'].map((part) => `${repositoryPrefix}${repository}/${part}`);
}

/** What the link file at `key` stands for, and whose it is; `undefined` when it is no key of {@link linkKey}. */
export function linkOfKey(key: string): (RepositoryLink & { repository: RepositoryName }) | undefined {
  const match = /^(.+?)\/_(layers|manifests\/revisions|manifests\/tags)\/(.+)\/link$/.exec(
    key.slice(repositoryPrefix.length),
  );
  const [, name = '', kind = '', rest = ''] = match ?? [];
  const repository = parseRepositoryName(name);
  if (repository === undefined) return undefined;
  const link = readLink(kind, rest);
  return link !== undefined && linkKey(repository, link) === key ? { ...link, repository } : undefined;
}

function readLink(kind: string, rest: string): RepositoryLink | undefined {
  if (kind !== 'manifests/tags') {
    const digest = parseDigest(rest.replace('/', ':'));
    return digest && { kind: kind === 'layers' ? 'blob' : 'manifest', digest };
  }
  const [name = '', part, ...path] = rest.split('/');
  const tag = parseTag(name);
  if (tag === undefined) return undefined;
  if (part === 'current' && path.length === 0) return { kind: 'tag', tag };
  const digest = part === 'index' ? parseDigest(path.join(':')) : undefined;
  return digest && { kind: 'tag-history', tag, digest };
}

function digestPath(digest: Digest): string {
  return `${digestAlgorithm(digest)}/${digestHex(digest)}`;
}
