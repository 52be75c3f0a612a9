import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNextLink, parseNextLink } from './link.ts';

describe('the next link', () => {
  it('has the form of the specification', () => {
    expect(formatNextLink('/v2/a/tags/list?n=10&last=v1')).toBe('</v2/a/tags/list?n=10&last=v1>; rel="next"');
  });

  it('is found in a header', () => {
    expect(parseNextLink('</v2/a/tags/list?n=10>; rel="next"')).toBe('/v2/a/tags/list?n=10');
    expect(parseNextLink('</p>; rel="prev" , </n>; rel="next"')).toBe('/n');
    expect(parseNextLink('</p>; rel="prev"')).toBeUndefined();
    expect(parseNextLink('')).toBeUndefined();
  });

  it('cannot be broken out of, and comes back whole', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\ud800', '<">', 'ä b')),
        (text) => {
          const link = formatNextLink(`/v2/${text}`);
          expect(link).toMatch(/^<[\x21-\x7e]*>; rel="next"$/);
          const inside = link.slice(1, -'>; rel="next"'.length);
          expect(inside).not.toMatch(/[<>"\\]/);
          expect(parseNextLink(link)).toBe(inside);
        },
      ),
    );
  });
});
