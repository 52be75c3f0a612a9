import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestAlgorithm, digestHex, digestOfHash, isDigestLike, makeDigest, parseDigest } from './digest.ts';

const hex64 = fc.stringMatching(/^[0-9a-f]{64}$/);
const hex128 = fc.stringMatching(/^[0-9a-f]{128}$/);
const a64 = 'a'.repeat(64);

describe('parseDigest', () => {
  it.each([`sha256:${a64}`, `sha512:${'0'.repeat(128)}`])('accepts %s', (text) => {
    expect(parseDigest(text)).toBe(text);
  });

  it.each([
    '',
    'sha256:',
    'sha256',
    `sha256:${'A'.repeat(64)}`,
    `SHA256:${a64}`,
    `sha256:${'a'.repeat(63)}`,
    `sha256:${'a'.repeat(65)}`,
    `sha512:${a64}`,
    `sha384:${'a'.repeat(96)}`,
    `md5:${'a'.repeat(32)}`,
    `sha256:${'g'.repeat(64)}`,
    `sha256:${a64}\n`,
    ` sha256:${a64}`,
    `sha256%3A${a64}`,
    `sha256:../${'a'.repeat(61)}`,
  ])('refuses %j', (text) => {
    expect(parseDigest(text)).toBeUndefined();
  });

  it('gives back algorithm and hex of every digest', () => {
    const parts = fc.oneof(
      fc.record({ algorithm: fc.constant('sha256' as const), text: hex64 }),
      fc.record({ algorithm: fc.constant('sha512' as const), text: hex128 }),
    );
    fc.assert(
      fc.property(parts, ({ algorithm, text }) => {
        const digest = parseDigest(`${algorithm}:${text}`);
        if (digest === undefined) throw new Error('refused');
        expect(digestAlgorithm(digest)).toBe(algorithm);
        expect(digestHex(digest)).toBe(text);
        expect(makeDigest(algorithm, text)).toBe(digest);
      }),
    );
  });

  it('makes no digest of hex that belongs to the other algorithm', () => {
    expect(makeDigest('sha512', a64)).toBeUndefined();
  });
});

describe('digestOfHash', () => {
  it('makes the digest of a hash, and takes another length for a defect', () => {
    expect(digestOfHash('sha256', a64)).toBe(`sha256:${a64}`);
    expect(() => digestOfHash('sha512', a64)).toThrow(RangeError);
  });
});

describe('isDigestLike', () => {
  it.each([
    'md5:d41d8cd98f00b204e9800998ecf8427e',
    'sha256:abc',
    'multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8',
  ])('is true of %s, which is no supported digest', (text) => {
    expect(isDigestLike(text)).toBe(true);
    expect(parseDigest(text)).toBeUndefined();
  });

  it.each(['latest', 'a:', ':b', 'a:b:c', 'sha256:ab/cd', 'SHA256:ab', '-a:b'])('is false of %j', (text) => {
    expect(isDigestLike(text)).toBe(false);
  });

  it('is true of every digest', () => {
    fc.assert(fc.property(hex64, (text) => isDigestLike(`sha256:${text}`)));
  });
});
