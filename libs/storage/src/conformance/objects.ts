import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  expectFailure,
  listKeys,
  mebibyte,
  pattern,
  readAll,
  type CurrentDriver,
} from './driver-under-test.ts';

const badKeys = [
  '',
  '/',
  '/etc/passwd',
  '..',
  '../outside',
  'a/../../outside',
  'a/./b',
  'a//b',
  'a/',
  'a\0b',
  'a\\b',
  'a b',
  'ä',
  `a/${'b'.repeat(256)}`,
  'c/'.repeat(600).concat('c'),
];

/** What is put, read, looked at and removed. */
export function describeObjects(current: CurrentDriver): void {
  describe('reading', () => {
    describeReading(current);
  });
  describe('objects', () => {
    describeKeys(current);
  });
}

function describeReading(current: CurrentDriver): void {
  it.each([0, 1, 2048, 65_536, 262_143, 262_144, 262_145, 524_288, mebibyte + 17])(
    'reads back %i bytes as they were put',
    async (length) => {
      const bytes = pattern(length);
      await current().put('a/b/object', bytes);
      expect((await readAll(current(), 'a/b/object'))?.equals(bytes)).toBe(true);
      expect((await current().stat('a/b/object'))?.size).toBe(length);
      await current().remove(['a/b/object']);
    },
  );

  it.each([
    [0, 1],
    [5, 5],
    [100, 300_000],
    [262_144, 262_145],
    [1_000_000, mebibyte],
    [1_000_000, 9_000_000],
    [9_000_000, 9_000_001],
  ])('reads the range from %i to %i, clipped to the end', async (start, end) => {
    const bytes = pattern(mebibyte);
    await current().put('object', bytes);
    const read = await readAll(current(), 'object', { start, end });
    expect(read?.equals(bytes.subarray(start, end))).toBe(true);
    await current().remove(['object']);
  });

  it('hands bytes over in order to a slow consumer, and they stay while it is at work', async () => {
    const bytes = pattern(3 * mebibyte);
    await current().put('object', bytes);
    const chunks: Buffer[] = [];
    await current().read('object', undefined, async (chunk) => {
      await setTimeout(1);
      chunks.push(Buffer.from(chunk));
    });
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    await current().remove(['object']);
  });

  it('keeps readers apart, also from those that give up in the middle', async () => {
    const bytes = [1, 2, 3, 4].map((seed) => pattern(4 * mebibyte, seed));
    for (const [index, content] of bytes.entries()) await current().put(`object-${index}`, content);
    const giveUp = async (key: string): Promise<void> => {
      let chunks = 0;
      const consume = async (): Promise<void> => {
        chunks += 1;
        if (chunks === 2) throw new Error('the client is gone');
      };
      await expect(current().read(key, undefined, consume)).rejects.toThrow('the client is gone');
    };
    for (let round = 0; round < 5; round += 1) {
      const leaving = bytes.flatMap((_, index) => [giveUp(`object-${index}`), giveUp(`object-${index}`)]);
      const reading = bytes.map(async (content, index) => {
        expect((await readAll(current(), `object-${index}`))?.equals(content)).toBe(true);
      });
      await Promise.all([...leaving, ...reading]);
    }
    await current().remove(bytes.map((_, index) => `object-${index}`));
  });

  it.each([1000, 3 * mebibyte])('throws on what the consumer of %i bytes throws', async (length) => {
    await current().put('object', pattern(length));
    const failure = Object.assign(new Error('the client is gone'), { code: 'ENOENT' });
    const reading = current().read('object', undefined, async () => {
      await setTimeout(1);
      throw failure;
    });
    await expect(reading).rejects.toBe(failure);
    await current().remove(['object']);
  });
}

function describeKeys(current: CurrentDriver): void {
  it('knows no object at an absent key, below an object, or at a key that others start with', async () => {
    await current().put('a/b/object', pattern(10));
    for (const key of ['absent', 'a', 'a/b', 'a/b/object/below', 'a/b/objec']) {
      expect(await current().stat(key)).toBeUndefined();
      expect(await readAll(current(), key)).toBeUndefined();
    }
    await current().remove(['a/b/object']);
  });

  it('replaces what was put before', async () => {
    await current().put('object', pattern(1000, 1));
    await current().put('object', pattern(10, 2));
    expect((await readAll(current(), 'object'))?.equals(pattern(10, 2))).toBe(true);
    await current().remove(['object']);
  });

  it('removes what is below a directory, and nothing beside it', async () => {
    for (const key of ['a/b/c/one', 'a/b/two', 'a/bc', 'a/b.c/d']) await current().put(key, pattern(3));
    await current().removeBelow('a/b');
    await current().removeBelow('a/b');
    expect(await listKeys(current(), '')).toEqual(['a/b.c/d', 'a/bc']);
    await current().put('a/b/two', pattern(4));
    expect((await current().stat('a/b/two'))?.size).toBe(4);
    await current().removeBelow('a');
    for (const key of ['', '..', 'a/../b', '/']) {
      await expectFailure(current().removeBelow(key), 'STORAGE_FAILED');
    }
  });

  it('removes objects, and once more without an error', async () => {
    await current().put('a/one', pattern(1));
    await current().put('a/two', pattern(1));
    await current().remove(['a/one', 'a/two', 'a/three', 'other/four']);
    await current().remove(['a/one', 'a/two']);
    expect(await current().stat('a/one')).toBeUndefined();
  });

  it.each(badKeys)('refuses the key %j', async (key) => {
    const appender = await current().create('staging/1');
    await expectFailure(current().stat(key), 'STORAGE_FAILED');
    await expectFailure(readAll(current(), key), 'STORAGE_FAILED');
    await expectFailure(current().locate(key), 'STORAGE_FAILED');
    await expectFailure(current().put(key, pattern(1)), 'STORAGE_FAILED');
    await expectFailure(current().remove([key]), 'STORAGE_FAILED');
    await expectFailure(current().create(key), 'STORAGE_FAILED');
    await expectFailure(appender.publish(key), 'STORAGE_FAILED');
    await appender.discard();
  });
}
