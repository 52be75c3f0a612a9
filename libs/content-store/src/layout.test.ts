import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOfHash } from '@entrepot/oci/digest';
import { isStorageKey } from '@entrepot/storage/storage-key';
import { parseRepositoryName } from '@entrepot/oci/repository-name';
import { parseTag } from '@entrepot/oci/tag';
import {
  blobDigest,
  blobKey,
  linkKey,
  linkOfKey,
  uploadKey,
  uploadOfKey,
  type RepositoryLink,
  trashKey,
  trashOfKey,
} from './layout.ts';

const hex = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

describe('layout', () => {
  it('puts a blob where distribution has it', () => {
    expect(blobKey(digestOfHash('sha256', hex))).toBe(`docker/registry/v2/blobs/sha256/2c/${hex}/data`);
  });

  it('keeps the uploads of two generations apart', () => {
    const uuid = '6a3a0a3e-4a3f-4a71-8f5e-0f5a4b1c2d3e';
    expect(uploadKey(uuid, 1)).not.toBe(uploadKey(uuid, 2));
    expect(isStorageKey(uploadKey(uuid, 1))).toBe(true);
  });

  it('knows whose upload bytes are, and that other keys are none', () => {
    const uuid = '6a3a0a3e-4a3f-4a71-8f5e-0f5a4b1c2d3e';
    expect(uploadOfKey(uploadKey(uuid, 12))).toEqual({ uuid, generation: 12 });
    for (const name of [uuid, `${uuid}.x`, `${uuid}.1.tmp`, 'a.1']) {
      expect(uploadOfKey(`docker/registry/uploads/${name}`)).toBeUndefined();
    }
  });

  it('finds the digest of every blob key', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const digest = fc.oneof(
      bytes(32).map((hash) => digestOfHash('sha256', Buffer.from(hash).toString('hex'))),
      bytes(64).map((hash) => digestOfHash('sha512', Buffer.from(hash).toString('hex'))),
    );
    fc.assert(
      fc.property(digest, (one) => {
        expect(isStorageKey(blobKey(one))).toBe(true);
        expect(blobDigest(blobKey(one))).toBe(one);
      }),
    );
  });

  it.each([
    `docker/registry/v2/blobs/sha256/2c/${hex}/other`,
    `docker/registry/v2/blobs/sha256/00/${hex}/data`,
    `docker/registry/v2/blobs/md5/2c/${hex}/data`,
    `docker/registry/v2/blobs/sha256/2c/${hex.toUpperCase()}/data`,
    `docker/registry/v2/repositories/a/_layers/sha256/${hex}/link`,
    'docker/registry/entrepot.json',
    '',
  ])('finds no digest in %j', (key) => {
    expect(blobDigest(key)).toBeUndefined();
  });

  it('puts the links of a repository where distribution has them', () => {
    const own = 'docker/registry/v2/repositories/a/b/';
    const digest = digestOfHash('sha256', hex);
    const [repository, tag] = [parseRepositoryName('a/b')!, parseTag('v1')!];
    expect(linkKey(repository, { kind: 'blob', digest })).toBe(`${own}_layers/sha256/${hex}/link`);
    expect(linkKey(repository, { kind: 'manifest', digest })).toBe(
      `${own}_manifests/revisions/sha256/${hex}/link`,
    );
    expect(linkKey(repository, { kind: 'tag', tag })).toBe(`${own}_manifests/tags/v1/current/link`);
    expect(linkKey(repository, { kind: 'tag-history', tag, digest })).toBe(
      `${own}_manifests/tags/v1/index/sha256/${hex}/link`,
    );
  });

  it('finds the link of every key of one', () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,9}(\/[a-z0-9]{1,9}(_[a-z0-9]{1,4})?){0,3}$/);
    const tagText = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/);
    const kinds = ['blob', 'manifest', 'tag', 'tag-history'] as const;
    fc.assert(
      fc.property(name, tagText, fc.constantFrom(...kinds), (repositoryText, tagOfText, kind) => {
        const [repository, tag] = [parseRepositoryName(repositoryText)!, parseTag(tagOfText)!];
        const digest = digestOfHash('sha256', hex);
        const link: RepositoryLink =
          kind === 'tag' ? { kind, tag } : kind === 'tag-history' ? { kind, tag, digest } : { kind, digest };
        const key = linkKey(repository, link);
        expect(isStorageKey(key)).toBe(true);
        expect(linkOfKey(key)).toEqual({ ...link, repository });
      }),
    );
  });

  it.each([
    `a/_layers/sha256/${hex}/data`,
    `A/_layers/sha256/${hex}/link`,
    `a/_layers/md5/${hex}/link`,
    `a/_manifests/tags/v1/link`,
    `a/_manifests/tags/v1/current/index/link`,
    `a/_manifests/tags/-/current/link`,
    `a/_uploads/sha256/${hex}/link`,
    `_layers/sha256/${hex}/link`,
  ])('finds no link in %j', (key) => {
    expect(linkOfKey(`docker/registry/v2/repositories/${key}`)).toBeUndefined();
  });
});

describe('keys of blobs that are being removed', () => {
  const lease = '0190163d-8694-739b-aea5-966c26f8ad90';

  it.each(['sha256', 'sha512'] as const)('are told by lease and digest: %s', (algorithm) => {
    const digest = digestOfHash(algorithm, createHash(algorithm).update('bytes').digest('hex'));
    const key = trashKey(digest, lease);
    expect(isStorageKey(key)).toBe(true);
    expect(trashOfKey(key)).toEqual({ digest, lease });
  });

  it.each([`${lease}.sha256.xyz`, `lease.sha256.${hex}`, `${lease}.${hex}`, `${lease}.sha256.${hex}.more`])(
    'are none of %j',
    (name) => {
      expect(trashOfKey(`docker/registry/trash/${name}`)).toBeUndefined();
    },
  );
});
