import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  maxRepositoryNameLength,
  parseRepositoryName,
  prefixes,
  type RepositoryName,
} from './repository-name.ts';

// the grammar as distribution-spec prints it, kept apart from the loop that implements it
const grammar = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const nearlyNames = fc.string({ unit: fc.constantFrom(...'ab0._-/A%'.split('')), maxLength: 12 });

function name(text: string): RepositoryName {
  const parsed = parseRepositoryName(text);
  if (parsed === undefined) throw new Error(`${text} was refused`);
  return parsed;
}

describe('parseRepositoryName', () => {
  it.each([
    'a',
    'library/alpine',
    'a/b/c/d/e/f',
    'a.b',
    'a_b',
    'a__b',
    'a-b',
    'a---b',
    '0',
    'blobs/uploads/manifests/tags/list',
    'foo-bar.baz_qux/x__y',
    'a'.repeat(255),
  ])('accepts %s', (text) => {
    expect(parseRepositoryName(text)).toBe(text);
  });

  it.each([
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    'A',
    'a/B',
    '.a',
    'a.',
    'a..b',
    '..',
    'a/../b',
    '-a',
    'a-',
    '_a',
    'a_',
    'a___b',
    'a._b',
    'a-_b',
    'a-.b',
    'a/-b',
    'a b',
    'a%b',
    'a:b',
    'a@b',
    'ä',
    'a\0b',
    'a\n',
    'a\\b',
    'host:5000/a',
    'a'.repeat(256),
  ])('refuses %j', (text) => {
    expect(parseRepositoryName(text)).toBeUndefined();
  });

  it('agrees with the printed grammar', () => {
    fc.assert(
      fc.property(nearlyNames, (text) => (parseRepositoryName(text) !== undefined) === grammar.test(text)),
      { numRuns: 2000 },
    );
  });

  it('accepts nothing with "..", "%" or a leading slash, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyNames, fc.string({ unit: 'binary-ascii' })), (text) => {
        const parsed = parseRepositoryName(text);
        if (parsed === undefined) return;
        expect(parsed).not.toMatch(/\.\.|%|\/\/|^\/|\/$/);
        expect(parsed.length).toBeLessThanOrEqual(maxRepositoryNameLength);
      }),
    );
  });
});

describe('prefixes', () => {
  it('lists every path prefix, longest first', () => {
    expect(prefixes(name('a/b/c'))).toEqual(['a/b/c', 'a/b', 'a']);
    expect(prefixes(name('a'))).toEqual(['a']);
  });

  it('lists only names', () => {
    fc.assert(
      fc.property(
        nearlyNames.filter((text) => grammar.test(text)),
        (text) => {
          const found = prefixes(name(text));
          expect(found).toHaveLength(text.split('/').length);
          expect(found.every((each) => parseRepositoryName(each) === each && text.startsWith(each))).toBe(
            true,
          );
        },
      ),
    );
  });
});
