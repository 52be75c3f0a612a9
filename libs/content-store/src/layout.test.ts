import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOfHash } from '@entrepot/oci/digest';
import { isStorageKey } from '@entrepot/storage/storage-key';
import { blobDigest, blobKey, uploadKey, uploadOfKey } from './layout.ts';

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
});
