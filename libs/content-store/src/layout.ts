/**
 * The key space, drawn once. This is the only file that builds a key.
 *
 * ```
 * docker/registry/
 *   entrepot.json                                   the storage identity: instance, format, epoch
 *   uploads/<uuid>.<generation>                     bytes of an upload, by the one writer of that generation
 *   v2/blobs/<algorithm>/<2 hex>/<hex>/data         a blob, or the mirror of a manifest, by digest
 * ```
 *
 * `v2/` is distribution's, byte for byte, so that its storage directory can be taken over in place and given back.
 * Uploads are no part of such a hand-over: they lie flat beside it, and opening one makes no directory.
 */
import { digestAlgorithm, digestHex, parseDigest, type Digest } from '@entrepot/oci/digest';

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
