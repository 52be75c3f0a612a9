import { describe, expect, it } from 'vitest';
import type { Appender, ResumePoint } from '../driver.ts';
import { listKeys, pattern, readAll, type CurrentDriver } from './driver-under-test.ts';

const bytes = pattern(700_000);

/** An appender that has flushed the first 600,000 bytes, and the point to go on from. */
async function interrupted(current: CurrentDriver) {
  const appender = await current().create('staging/u.1');
  await appender.append([bytes.subarray(0, 600_000)]);
  const state: unknown = JSON.parse(JSON.stringify(await appender.flush()));
  const isState = (value: unknown): value is Record<string, unknown> => typeof value === 'object';
  if (!isState(state)) throw new TypeError('the state of an appender is JSON');
  return { appender, from: { key: 'staging/u.1', state, size: 600_000 } };
}

async function resume(current: CurrentDriver, from: ResumePoint, key = 'staging/u.2') {
  const prefix: Buffer[] = [];
  const appender = await current().resume(key, from, (chunk) => void prefix.push(Buffer.from(chunk)));
  return { appender, prefix: Buffer.concat(prefix) };
}

async function expectPublished(current: CurrentDriver, appender: Appender | undefined): Promise<void> {
  await appender?.append([bytes.subarray(600_000)]);
  expect(await appender?.publish('object')).toBe('created');
  expect((await readAll(current(), 'object'))?.equals(bytes)).toBe(true);
}

/** Lets an old writer do what it likes: it may succeed or be refused, but not matter. */
async function tryLateWrite(appender: Appender): Promise<void> {
  await appender.append([Buffer.from('late')]).catch(() => undefined);
}

/** Another writer goes on where one stopped. */
export function describeResuming(current: CurrentDriver): void {
  describe('resuming', () => {
    describeResumption(current);
  });
  describe('late writers', () => {
    describeLateWriters(current);
  });
}

function describeResumption(current: CurrentDriver): void {
  it('goes on after a close, and shows the acknowledged bytes', async () => {
    const { appender, from } = await interrupted(current);
    await appender.close();
    const resumed = await resume(current, from);
    expect(resumed.prefix.equals(bytes.subarray(0, 600_000))).toBe(true);
    expect(resumed.appender?.size).toBe(600_000);
    await expectPublished(current, resumed.appender);
    await current().remove(['object', 'staging/u.1']);
  });

  it('goes on with an upload that has no bytes yet', async () => {
    const appender = await current().create('staging/u.1');
    const state = await appender.flush();
    await appender.close();
    const resumed = await resume(current, { key: 'staging/u.1', state, size: 0 });
    expect(await resumed.appender?.publish('object')).toBe('created');
    expect((await current().stat('object'))?.size).toBe(0);
    await current().remove(['object', 'staging/u.1']);
  });

  it('drops bytes that came after the last flush', async () => {
    const { appender, from } = await interrupted(current);
    await appender.append([Buffer.from('never acknowledged')]);
    await appender.close();
    const resumed = await resume(current, from);
    await expectPublished(current, resumed.appender);
    await current().remove(['object', 'staging/u.1']);
  });

  it('can be resumed again from the same point when the one that resumed is lost', async () => {
    const { appender, from } = await interrupted(current);
    await appender.close();
    const lost = await resume(current, from);
    await lost.appender?.append([Buffer.from('lost')]);
    await lost.appender?.close();
    const resumed = await resume(current, from, 'staging/u.3');
    await expectPublished(current, resumed.appender);
    await current().remove(['object', 'staging/u.1', 'staging/u.2']);
  });
}

function describeLateWriters(current: CurrentDriver): void {
  it('never lets a late write of the old writer reach the object', async () => {
    const { appender: old, from } = await interrupted(current);
    const resumed = await resume(current, from);
    await tryLateWrite(old);
    await expectPublished(current, resumed.appender);
    await tryLateWrite(old);
    await old.flush().catch(() => undefined);
    expect((await readAll(current(), 'object'))?.equals(bytes)).toBe(true);
    await old.discard();
    expect((await readAll(current(), 'object'))?.equals(bytes)).toBe(true);
    await current().remove(['object']);
  });

  it('finds nothing to resume when the bytes are gone or shorter', async () => {
    const { appender, from } = await interrupted(current);
    await appender.close();
    expect((await resume(current, { ...from, size: 600_001 })).appender).toBeUndefined();
    await current().remove(['staging/u.1']);
    expect((await resume(current, from)).appender).toBeUndefined();
    expect(await listKeys(current(), '')).toEqual([]);
  });
}
