import { describe, expect, it } from 'vitest';
import { parseDigest } from './digest.ts';
import { parseSubjectTag, referrersTag } from './subject-tag.ts';

const hex = '0123456789abcdef'.repeat(4);
const subject = `sha256:${hex}`;

describe('parseSubjectTag', () => {
  it.each([
    ['.sig', 'signature'],
    ['.att', 'attestation'],
    ['.sbom', 'sbom'],
    ['', 'referrers'],
  ])('reads the suffix %j as %s', (suffix, role) => {
    expect(parseSubjectTag(`sha256-${hex}${suffix}`)).toEqual({ subject, role });
  });

  it.each([
    'latest',
    `sha256-${hex}.foo`,
    `sha256-${hex.slice(1)}.sig`,
    `sha256-${hex}0`,
    `sha512-${hex}`,
    `v1-sha256-${hex}`,
  ])('finds no subject in %s', (tag) => {
    expect(parseSubjectTag(tag)).toBeUndefined();
  });
});

describe('referrersTag', () => {
  it('is read back for a sha256 subject', () => {
    const digest = parseDigest(subject);
    expect(digest && parseSubjectTag(referrersTag(digest))).toEqual({ subject, role: 'referrers' });
  });

  it('keeps 64 characters of a sha512 subject', () => {
    const digest = parseDigest(`sha512:${hex}${'f'.repeat(64)}`);
    expect(digest && referrersTag(digest)).toBe(`sha512-${hex}`);
  });
});
