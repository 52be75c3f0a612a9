import { describe, expect, it } from 'vitest';
import type { DiscardGuard } from '../driver.ts';
import { listKeys, pattern, readAll, type CurrentDriver } from './driver-under-test.ts';

const trashKey = (key: string): string => `trash/${key.replaceAll('/', '.')}`;

/** Says yes to `allowed`, after `meanwhile`. */
function guardOf(allowed: readonly string[], meanwhile?: () => Promise<unknown>): DiscardGuard {
  return {
    trashKey,
    confirm: async () => {
      await meanwhile?.();
      return new Set(allowed);
    },
  };
}

/** Objects that go only when somebody still says so. */
export function describeDiscarding(current: CurrentDriver): void {
  describe('discarding', () => {
    it('removes what is confirmed, says so, and leaves the rest as it was', async () => {
      for (const [seed, key] of ['a/one/data', 'a/two/data', 'a/three/data'].entries())
        await current().put(key, pattern(1000, seed));
      const keys = ['a/one/data', 'a/two/data', 'a/three/data', 'a/absent/data'];
      const gone = await current().discard(keys, guardOf(['a/one/data', 'a/three/data', 'a/absent/data']));
      expect([...gone].toSorted()).toEqual(['a/one/data', 'a/three/data']);
      expect(await listKeys(current(), '')).toEqual(['a/two/data']);
      expect((await readAll(current(), 'a/two/data'))?.equals(pattern(1000, 1))).toBe(true);
      await current().remove(['a/two/data']);
    });

    it('asks once for all, and of nothing when there is nothing', async () => {
      await current().put('a/object', pattern(10));
      const asked: (readonly string[])[] = [];
      const guard: DiscardGuard = {
        trashKey,
        confirm: async (keys) => {
          asked.push(keys);
          return new Set(keys);
        },
      };
      expect(await current().discard([], guard)).toEqual(new Set());
      expect(await current().discard(['a/object', 'a/absent'], guard)).toEqual(new Set(['a/object']));
      expect(asked.flat().toSorted()).toEqual(['a/absent', 'a/object']);
    });

    it('leaves what was published meanwhile when it is not confirmed', async () => {
      await current().put('a/object', pattern(10, 1));
      const publish = async (): Promise<void> => {
        const appender = await current().create('staging/1');
        await appender.append([pattern(10, 1)]);
        await appender.publish('a/object');
      };
      expect(await current().discard(['a/object'], guardOf([], publish))).toEqual(new Set());
      expect(await listKeys(current(), '')).toEqual(['a/object']);
      expect((await readAll(current(), 'a/object'))?.equals(pattern(10, 1))).toBe(true);
      await current().remove(['a/object']);
    });

    it('leaves everything when nobody could be asked', async () => {
      await current().put('a/one', pattern(10, 1));
      await current().put('a/two', pattern(10, 2));
      const guard = guardOf([], () => Promise.reject(new Error('the database is away')));
      await expect(current().discard(['a/one', 'a/two'], guard)).rejects.toThrow('the database is away');
      expect(await listKeys(current(), '')).toEqual(['a/one', 'a/two']);
      await current().remove(['a/one', 'a/two']);
    });
  });
}
