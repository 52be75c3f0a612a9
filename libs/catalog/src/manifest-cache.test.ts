import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManifestCache } from './manifest-cache.ts';
import { aDigest } from './testing/content-builder.ts';

describe('the manifest cache', () => {
  it('holds what it was given, by digest', () => {
    const cache = new ManifestCache(1000);
    const bytes = Buffer.from('payload');
    cache.set(aDigest(bytes), bytes);
    expect(cache.get(aDigest(bytes))).toBe(bytes);
    expect(cache.get(aDigest())).toBeUndefined();
  });

  it('lets go of what was not used for longest', () => {
    const cache = new ManifestCache(100);
    const digests = Array.from({ length: 10 }, () => aDigest());
    for (const digest of digests) cache.set(digest, Buffer.alloc(10));
    cache.get(digests[0] ?? aDigest());
    cache.set(aDigest(), Buffer.alloc(10));
    expect(digests.map((digest) => cache.get(digest) !== undefined)).toEqual([
      true,
      false,
      ...Array(8).fill(true),
    ]);
  });

  it('takes nothing that would fill an eighth of it', () => {
    const cache = new ManifestCache(80);
    const digest = aDigest();
    cache.set(digest, Buffer.alloc(11));
    expect(cache.get(digest)).toBeUndefined();
  });

  it('never holds more bytes than it may, whatever comes', () => {
    const step = fc.record({ which: fc.nat(30), size: fc.nat(200), reads: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const limit = 1000;
        const cache = new ManifestCache(limit);
        const digests = Array.from({ length: 31 }, (_, index) => aDigest(Buffer.from([index])));
        const digestOf = (which: number): (typeof digests)[number] => digests[which] ?? aDigest();
        for (const { which, size, reads } of steps) {
          if (reads) cache.get(digestOf(which));
          else cache.set(digestOf(which), Buffer.alloc(size));
          const held = digests.reduce((sum, digest) => sum + (cache.get(digest)?.length ?? 0), 0);
          expect(held).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });
});
