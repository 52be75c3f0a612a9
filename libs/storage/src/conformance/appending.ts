import { describe, expect, it } from 'vitest';
import type { Appender } from '../driver.ts';
import {
  expectFailure,
  listKeys,
  mebibyte,
  pattern,
  readAll,
  type CurrentDriver,
} from './driver-under-test.ts';

type Publish = (
  key: string,
  chunks: readonly Buffer[],
  options?: { replace?: boolean },
) => ReturnType<Appender['publish']>;

/** One writer's bytes, and their way to the final key. */
export function describeAppending(current: CurrentDriver): void {
  const publish: Publish = async (key, chunks, options) => {
    const appender = await current().create(`staging/${key.replaceAll('/', '.')}`);
    for (const chunk of chunks) await appender.append([chunk]);
    return appender.publish(key, options);
  };
  describe('appending', () => {
    describeAppenders(current, publish);
  });
  describe('publishing', () => {
    describePublishing(current, publish);
  });
  describe('ending', () => {
    describeEnding(current);
  });
}

function describeAppenders(current: CurrentDriver, publish: Publish): void {
  it.each([0, 1, 2048, 65_536, 65_537, 5 * mebibyte])('publishes %i bytes', async (length) => {
    const bytes = pattern(length);
    const half = Math.floor(length / 2);
    expect(await publish('a/object', [bytes.subarray(0, half), bytes.subarray(half)])).toBe('created');
    expect((await readAll(current(), 'a/object'))?.equals(bytes)).toBe(true);
    await current().remove(['a/object']);
  });

  it('takes many chunks at once, and says how many bytes it has', async () => {
    const chunks = Array.from({ length: 3000 }, (_, index) => pattern(index % 50, index));
    const appender = await current().create('staging/1');
    await appender.append(chunks);
    expect(appender.size).toBe(Buffer.concat(chunks).length);
    await appender.publish('object');
    expect((await readAll(current(), 'object'))?.equals(Buffer.concat(chunks))).toBe(true);
    await current().remove(['object']);
  });

  it('reads back what was appended and goes on', async () => {
    const appender = await current().create('staging/1');
    const chunks: Buffer[] = [];
    await appender.append([pattern(300_000, 1)]);
    await appender.readBack((chunk) => void chunks.push(Buffer.from(chunk)));
    expect(Buffer.concat(chunks).equals(pattern(300_000, 1))).toBe(true);
    await appender.append([pattern(10, 2)]);
    await appender.publish('object');
    const whole = Buffer.concat([pattern(300_000, 1), pattern(10, 2)]);
    expect((await readAll(current(), 'object'))?.equals(whole)).toBe(true);
    await current().remove(['object']);
  });

  it('keeps appenders that run at once apart', async () => {
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
    await Promise.all(
      seeds.map((seed) =>
        publish(
          `object-${seed}`,
          [1, 2, 3].map((part) => pattern(100_000, seed * part)),
        ),
      ),
    );
    for (const seed of seeds) {
      const whole = Buffer.concat([1, 2, 3].map((part) => pattern(100_000, seed * part)));
      expect((await readAll(current(), `object-${seed}`))?.equals(whole)).toBe(true);
    }
    await current().remove(seeds.map((seed) => `object-${seed}`));
  });
}

function describeEnding(current: CurrentDriver): void {
  it('forgets the bytes when they are discarded, at any point and more than once', async () => {
    const untouched = await current().create('staging/1');
    await untouched.discard();
    const appended = await current().create('staging/2');
    await appended.append([pattern(100)]);
    await appended.flush();
    await appended.close();
    await appended.discard();
    await appended.discard();
    expect(await listKeys(current(), '')).toEqual([]);
  });

  it('takes nothing more after it has ended', async () => {
    const appender = await current().create('staging/1');
    await appender.append([pattern(10)]);
    await appender.publish('object');
    await expectFailure(appender.append([pattern(10)]), 'STORAGE_FAILED');
    await expectFailure(appender.flush(), 'STORAGE_FAILED');
    await current().remove(['object']);
  });
}

function describePublishing(current: CurrentDriver, publish: Publish): void {
  it('shows nothing at the final key before it is published', async () => {
    const appender = await current().create('staging/1', { finalKey: 'object', expectedSize: 10 });
    await appender.append([pattern(10)]);
    await appender.flush();
    expect(await current().stat('object')).toBeUndefined();
    await appender.discard();
  });

  it('leaves an object alone that exists', async () => {
    expect(await publish('a/object', [pattern(10, 1)])).toBe('created');
    expect(await publish('a/object', [pattern(20, 2)])).toBe('exists');
    expect((await readAll(current(), 'a/object'))?.equals(pattern(10, 1))).toBe(true);
    await current().remove(['a/object']);
  });

  it('replaces an object that exists when told to, and makes one that does not', async () => {
    expect(await publish('a/object', [pattern(10, 1)], { replace: true })).toBe('created');
    expect(await publish('a/object', [pattern(20, 2)], { replace: true })).toBe('created');
    expect((await readAll(current(), 'a/object'))?.equals(pattern(20, 2))).toBe(true);
    await current().remove(['a/object']);
  });

  it('publishes the same key from many appenders at once: one creates it, the others find it', async () => {
    const appenders = await Promise.all(
      Array.from({ length: 10 }, (_, index) => current().create(`staging/${index}`)),
    );
    await Promise.all(appenders.map((appender) => appender.append([pattern(1000)])));
    const results = await Promise.all(appenders.map((appender) => appender.publish('a/b/c/object')));
    expect(results.toSorted()).toEqual(['created', ...Array<string>(9).fill('exists')]);
    await current().remove(['a/b/c/object']);
  });

  it('publishes into a new directory each time', async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `x${index}/y${index}/object`);
    for (const key of keys) expect(await publish(key, [pattern(10)])).toBe('created');
    expect(await listKeys(current(), 'x')).toEqual(keys.toSorted());
    await current().remove(keys);
  });
}
