import { describe, expect, it } from 'vitest';
import { expectFailure, listKeys, pattern, type CurrentDriver } from './driver-under-test.ts';

/** What a listing shows. */
export function describeListing(current: CurrentDriver): void {
  describe('listing', () => {
    const keys = ['a/b/one', 'a/b/two', 'a/bc', 'b', 'c/d/e/f'];

    it.each([
      ['', keys],
      ['a', ['a/b/one', 'a/b/two', 'a/bc']],
      ['a/', ['a/b/one', 'a/b/two', 'a/bc']],
      ['a/b', ['a/b/one', 'a/b/two', 'a/bc']],
      ['a/b/', ['a/b/one', 'a/b/two']],
      ['a/b/t', ['a/b/two']],
      ['c/d/e/f', ['c/d/e/f']],
      ['c/d/e/f/', []],
      ['absent/x', []],
    ])('lists what starts with %j', async (prefix, expected) => {
      for (const key of keys) await current().put(key, pattern(7));
      expect(await listKeys(current(), prefix)).toEqual(expected);
      await current().remove(keys);
    });

    it.each(['../', '/', 'a/../../b', './a/'])('refuses the prefix %j', async (prefix) => {
      await expectFailure(listKeys(current(), prefix), 'STORAGE_FAILED');
    });

    it('says size and time of each', async () => {
      const before = Date.now();
      await current().put('object', pattern(42));
      for await (const entry of current().list('')) {
        expect(entry).toMatchObject({ key: 'object', size: 42 });
        expect(entry.modifiedAt.getTime()).toBeGreaterThan(before - 5000);
      }
      await current().remove(['object']);
    });

    it('lists what is there while others are removed', async () => {
      const many = Array.from({ length: 50 }, (_, index) => `many/${index}/object`);
      for (const key of many) await current().put(key, pattern(1));
      const seen: string[] = [];
      for await (const { key } of current().list('many/')) {
        seen.push(key);
        await current().remove(many);
      }
      expect(seen.length).toBeGreaterThan(0);
      expect(await listKeys(current(), '')).toEqual([]);
    });
  });
}
