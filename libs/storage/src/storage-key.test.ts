import fc from 'fast-check';
import { join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isStorageKey } from './storage-key.ts';

describe('storage key', () => {
  it.each(['a', 'a/b', '.hidden', '...', 'a..b/c', 'A-Z_0.9', 'x'.repeat(255)])('takes %j', (key) => {
    expect(isStorageKey(key)).toBe(true);
  });

  it.each(['', '.', '..', 'a/..', './a', 'a/./b', '/a', 'a/', 'a//b', 'a~b', 'a\n', 'x'.repeat(256)])(
    'refuses %j',
    (key) => {
      expect(isStorageKey(key)).toBe(false);
    },
  );

  it('never leaves the root, and is the only spelling of its path', () => {
    const text = fc.array(fc.constantFrom('.', '/', 'a', '..', '~', '\0', '\\'), { maxLength: 8 });
    fc.assert(
      fc.property(text, (parts) => {
        const key = parts.join('');
        fc.pre(isStorageKey(key));
        expect(normalize(join('/root', key))).toBe(`/root/${key}`);
      }),
    );
  });
});
