import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { listKeys, mebibyte, readAll } from '../conformance/driver-under-test.ts';
import type { Appender, StorageDriver } from '../driver.ts';
import { S3Driver } from '../s3/s3-driver.ts';
import type { S3Options } from '../s3/s3-options.ts';
import type { S3UnderTest } from './s3-under-test.ts';

const part = 5 * mebibyte;
const sizes = { part };

/** What only a store of objects does: parts, tails, final keys, memory. */
export function describeS3(bucket: () => S3UnderTest): void {
  const open = (options: Partial<S3Options> = {}): { place: S3Options; driver: S3Driver } => {
    const place = bucket().newPlace({ sizes, ...options });
    return { place, driver: new S3Driver(place) };
  };
  describe('uploads in parts', () => describeParts(bucket, open));
  describe('uploads that are interrupted', () => describeInterruptions(bucket, open));
  describe('memory', () => describeMemory(open));
}

type Open = (options?: Partial<S3Options>) => { place: S3Options; driver: S3Driver };

async function append(appender: Appender, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += mebibyte)
    await appender.append([bytes.subarray(at, at + mebibyte)]);
}

async function expectObject(driver: StorageDriver, key: string, bytes: Buffer): Promise<void> {
  expect((await readAll(driver, key))?.equals(bytes)).toBe(true);
}

function describeParts(bucket: () => S3UnderTest, open: Open): void {
  const bytes = randomBytes(12 * mebibyte + 345);

  it('go to a key of their own and are copied, and nothing else is left', async () => {
    const { place, driver } = open();
    const appender = await driver.create('staging/1');
    await append(appender, bytes);
    expect(await appender.publish('a/object')).toBe('created');
    await expectObject(driver, 'a/object', bytes);
    expect(await bucket().listAll(place)).toEqual(['a/object']);
  });

  it('are copied in parts, too', async () => {
    const { place, driver } = open({ sizes: { part, copyAtOnce: part } });
    const appender = await driver.create('staging/1');
    await append(appender, bytes);
    await appender.flush();
    expect(await appender.publish('a/object')).toBe('created');
    await expectObject(driver, 'a/object', bytes);
    expect(await bucket().listAll(place)).toEqual(['a/object']);
  });

  it('go straight to the final key, where they show only when they are published', async () => {
    const { place, driver } = open();
    const appender = await driver.create('staging/1', { finalKey: 'object', expectedSize: bytes.length });
    await append(appender, bytes);
    await appender.flush();
    expect(await driver.stat('object')).toBeUndefined();
    const stored = await bucket().listAll(place);
    expect(stored).toContain('upload to object');
    expect(await appender.publish('object')).toBe('created');
    await expectObject(driver, 'object', bytes);
    expect(await bucket().listAll(place)).toEqual(['object']);
  });

  it.each([undefined, 'object'])('leave an object alone that is there (final key: %s)', async (finalKey) => {
    const { place, driver } = open();
    await driver.put('object', Buffer.from('before'));
    const options = finalKey === undefined ? {} : { finalKey };
    const first = await driver.create('staging/1', options);
    await append(first, bytes);
    expect(await first.publish('object')).toBe('exists');
    await expectObject(driver, 'object', Buffer.from('before'));
    const second = await driver.create('staging/2', options);
    await append(second, bytes);
    expect(await second.publish('object', { replace: true })).toBe('created');
    await expectObject(driver, 'object', bytes);
    expect(await bucket().listAll(place)).toEqual(['object']);
  });

  it('are read back before they are published, and go on', async () => {
    const { place, driver } = open();
    const appender = await driver.create('staging/1');
    await append(appender, bytes);
    const read: Buffer[] = [];
    await appender.readBack((chunk) => void read.push(Buffer.from(chunk)));
    expect(Buffer.concat(read).equals(bytes)).toBe(true);
    await append(appender, bytes);
    expect(await appender.publish('object')).toBe('created');
    await expectObject(driver, 'object', Buffer.concat([bytes, bytes]));
    expect(await bucket().listAll(place)).toEqual(['object']);
  });

  it('get larger when there would be too many of them', async () => {
    const { place, driver } = open({ sizes: { part, largePart: 2 * part, large: 4 * part } });
    const long = randomBytes(53 * mebibyte);
    const appender = await driver.create('staging/1');
    await append(appender, long);
    const state = JSON.parse(JSON.stringify(await appender.flush())) as {
      parts: { partBytes: number; etags: string[] };
    };
    expect(state.parts).toMatchObject({ partBytes: 2 * part, etags: { length: 5 } });
    expect(await appender.publish('object')).toBe('created');
    await expectObject(driver, 'object', long);
    expect(await bucket().listAll(place)).toEqual(['object']);
  });

  it('may have more bytes than was promised', async () => {
    const { place, driver } = open();
    const appender = await driver.create('staging/1', { expectedSize: mebibyte });
    await append(appender, bytes);
    expect(await appender.publish('object')).toBe('created');
    await expectObject(driver, 'object', bytes);
    expect(await bucket().listAll(place)).toEqual(['object']);
  });

  it('are flushed often, and every flush resumes until the next is remembered', async () => {
    const { place, driver } = open();
    const appender = await driver.create('staging/0');
    let from = { key: 'staging/0', state: await appender.flush(), size: 0 };
    for (let at = 0; at < 11; at += 1) {
      await appender.append([bytes.subarray(at * mebibyte, (at + 1) * mebibyte)]);
      const state = await appender.flush();
      from = { key: 'staging/0', state, size: (at + 1) * mebibyte };
      expect((await bucket().listAll(place)).filter((key) => key.includes('tail')).length).toBeLessThan(3);
    }
    await appender.close();
    const resumed = await driver.resume('staging/1', from, () => undefined);
    await resumed?.append([bytes.subarray(11 * mebibyte)]);
    expect(await resumed?.publish('object')).toBe('created');
    await expectObject(driver, 'object', bytes);
    await driver.remove(['staging/0']);
    expect(await bucket().listAll(place)).toEqual(['object']);
  });
}

function describeInterruptions(bucket: () => S3UnderTest, open: Open): void {
  const bytes = randomBytes(13 * mebibyte);

  it('go on in another process, and the old one reaches nothing', async () => {
    const { place, driver } = open();
    const other = new S3Driver(place);
    const old = await driver.create('staging/1');
    await append(old, bytes.subarray(0, 12 * mebibyte));
    const from = { key: 'staging/1', state: await old.flush(), size: 12 * mebibyte };
    const prefix: Buffer[] = [];
    const resumed = await other.resume('staging/2', from, (chunk) => void prefix.push(Buffer.from(chunk)));
    expect(Buffer.concat(prefix).equals(bytes.subarray(0, 12 * mebibyte))).toBe(true);
    const late = append(old, randomBytes(12 * mebibyte)).then(() => old.flush());
    await expect(late).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await append(resumed!, bytes.subarray(12 * mebibyte));
    const again = await other.resume('staging/3', from, () => undefined);
    expect(again?.size).toBe(12 * mebibyte);
    await again?.discard();
    await resumed!.flush();
    await other.remove(['staging/1']);
    await old.close();
    expect(await resumed!.publish('object')).toBe('created');
    await expectObject(driver, 'object', bytes);
    expect(await bucket().listAll(place)).toEqual(['object']);
  });

  it('can not go on elsewhere once they went to a final key, and are removed all the same', async () => {
    const { place, driver } = open();
    const old = await driver.create('staging/1', { finalKey: 'object' });
    await append(old, bytes);
    const from = { key: 'staging/1', state: await old.flush(), size: bytes.length };
    await old.close();
    expect(await driver.resume('staging/2', from, () => undefined)).toBeUndefined();
    await driver.remove(['staging/1']);
    expect(await bucket().listAll(place)).toEqual([]);
  });

  it('show by the key of their appender, once, and are removed by it', async () => {
    const { place, driver } = open();
    const before = Date.now();
    for (const key of ['staging/1', 'staging/2']) {
      const abandoned = await driver.create(key);
      await append(abandoned, bytes);
      await abandoned.flush();
      await append(abandoned, bytes.subarray(0, 100));
      await abandoned.flush();
      await abandoned.close();
    }
    expect(await listKeys(driver, 'staging/')).toEqual(['staging/1', 'staging/2']);
    expect(await listKeys(driver, 'other/')).toEqual([]);
    for await (const { modifiedAt } of driver.list('staging/')) {
      expect(modifiedAt.getTime()).toBeGreaterThan(before - 5000);
    }
    await driver.remove(['staging/1', 'staging/absent', 'elsewhere']);
    expect(await listKeys(driver, '')).toEqual(['staging/2']);
    await driver.removeBelow('staging');
    expect(await bucket().listAll(place)).toEqual([]);
  });

  it('are gone when they are discarded while parts are on their way', async () => {
    const { place, driver } = open();
    const appender = await driver.create('staging/1');
    await append(appender, bytes);
    await appender.discard();
    expect(await bucket().listAll(place)).toEqual([]);
  });

  it('are not resumed from the state of another driver', async () => {
    const { driver } = open();
    const from = { key: 'staging/1', state: { parts: 'none' }, size: 5 };
    expect(await driver.resume('staging/2', from, () => undefined)).toBeUndefined();
    expect(await driver.resume('staging/2', { ...from, state: {} }, () => undefined)).toBeUndefined();
  });
}

function describeMemory(open: Open): void {
  it('is waited for by those that came later, and all come to their end', async () => {
    const { driver } = open({ bufferBytes: part });
    const all = await Promise.all([1, 2, 3, 4, 5].map((n) => driver.create(`staging/${n}`)));
    const bytes = all.map(() => randomBytes(7 * mebibyte));
    await Promise.all(
      all.map(async (appender, n) => {
        await append(appender, bytes[n]!);
        await appender.publish(`object-${n}`);
      }),
    );
    for (const [n, content] of bytes.entries()) await expectObject(driver, `object-${n}`, content);
  });

  it('is given up by a client that sends nothing, which goes on later', async () => {
    const { driver } = open({ bufferBytes: part });
    const [idle, busy] = [await driver.create('staging/1'), await driver.create('staging/2')];
    const bytes = randomBytes(9 * mebibyte);
    await append(idle, bytes.subarray(0, 3 * mebibyte));
    await append(busy, bytes);
    expect(await busy.publish('busy')).toBe('created');
    const flushed = await driver.create('staging/3');
    await append(flushed, bytes.subarray(0, 4 * mebibyte));
    await flushed.flush();
    await append(idle, bytes.subarray(3 * mebibyte));
    expect(await idle.publish('idle')).toBe('created');
    await sleep(1);
    expect(await flushed.publish('flushed')).toBe('created');
    await expectObject(driver, 'busy', bytes);
    await expectObject(driver, 'idle', bytes);
    await expectObject(driver, 'flushed', bytes.subarray(0, 4 * mebibyte));
  });
}
