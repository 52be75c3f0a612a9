import { ContentStore } from '@entrepot/content-store/content-store';
import { MemoryDriver } from '@entrepot/storage/memory/memory-driver';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LiveWriters, type LiveWriter } from './live-writers.ts';

describe('live writers', () => {
  const store = new ContentStore(new MemoryDriver());

  afterEach(() => {
    vi.useRealTimers();
  });

  /** A writer, and whether it has been closed. */
  async function aWriter(uuid: string): Promise<{ live: LiveWriter; isClosed: () => boolean }> {
    const writer = await store.openUpload(uuid, 1, { algorithm: 'sha256' });
    const close = vi.spyOn(writer, 'close');
    return { live: { writer, generation: 1, storedAs: 1 }, isClosed: () => close.mock.calls.length > 0 };
  }

  it('are handed out once', async () => {
    const writers = new LiveWriters(2);
    const { live } = await aWriter('once');
    writers.keep('once', live);
    expect(writers.size).toBe(1);
    expect(writers.take('once')).toMatchObject(live);
    expect(writers.take('once')).toBeUndefined();
    expect(writers.size).toBe(0);
  });

  it('are as many as they may be: the one that has waited longest is closed', async () => {
    const writers = new LiveWriters(2);
    const [one, two, three] = [await aWriter('a'), await aWriter('b'), await aWriter('c')];
    writers.keep('a', one.live);
    writers.keep('b', two.live);
    writers.keep('c', three.live);
    expect(writers.size).toBe(2);
    expect([one, two, three].map((each) => each.isClosed())).toEqual([true, false, false]);
    expect(writers.take('a')).toBeUndefined();
  });

  it('are closed when nobody comes back for five minutes', async () => {
    vi.useFakeTimers();
    const writers = new LiveWriters(2);
    const { live, isClosed } = await aWriter('idle');
    writers.keep('idle', live);
    vi.advanceTimersByTime(4 * 60_000);
    writers.keep('idle', writers.take('idle') ?? live);
    vi.advanceTimersByTime(4 * 60_000);
    expect(isClosed()).toBe(false);
    vi.advanceTimersByTime(60_001);
    expect(isClosed()).toBe(true);
    expect(writers.size).toBe(0);
  });

  it('are all closed at the end', async () => {
    const writers = new LiveWriters(10);
    const all = [await aWriter('x'), await aWriter('y')];
    all.forEach(({ live }, index) => writers.keep(String(index), live));
    await writers.closeAll();
    expect(all.map((each) => each.isClosed())).toEqual([true, true]);
    expect(writers.size).toBe(0);
  });
});
