import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTag } from './tag.ts';

describe('parseTag', () => {
  it.each(['latest', 'v1.2.3', '_', 'A', '1', 'a..b', 'a-', '1.0_build.5', 'x'.repeat(128)])(
    'accepts %s',
    (text) => {
      expect(parseTag(text)).toBe(text);
    },
  );

  it.each(['', '.a', '-a', 'a b', 'a:b', 'a/b', 'a+b', 'a%2e', 'ä', 'a\n', '\0', 'x'.repeat(129)])(
    'refuses %j',
    (text) => {
      expect(parseTag(text)).toBeUndefined();
    },
  );

  it('accepts nothing that needs escaping in a path, and never "..", whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aA0._-:/%+ '.split('')) }), (text) => {
        const tag = parseTag(text);
        if (tag === undefined) return;
        expect(encodeURIComponent(tag)).toBe(tag);
        expect(tag).not.toMatch(/^\./);
      }),
    );
  });
});
