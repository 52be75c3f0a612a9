import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PartBuffer } from './part-buffer.ts';
import { PartPool, type PartLoan } from './part-pool.ts';

const size = 1000;

async function isWaiting(taking: Promise<PartLoan>): Promise<boolean> {
  return (await Promise.race([taking, sleep(0)])) === undefined;
}

describe('memory for parts', () => {
  afterEach(() => void vi.useRealTimers());

  it('is lent up to the limit, then to who came first', async () => {
    const pool = new PartPool(2 * size, size);
    const [one, two] = [await pool.take(size), await pool.take(size)];
    const [third, fourth] = [pool.take(size), pool.take(size)];
    expect(await isWaiting(third)).toBe(true);
    one.release();
    one.release();
    expect((await third).bytes.length).toBe(size);
    expect(await isWaiting(fourth)).toBe(true);
    expect(pool.lentBytes).toBe(2 * size);
    two.release();
    (await fourth).release();
    (await third).release();
    expect(pool.lentBytes).toBe(0);
  });

  it('is lent once for what is larger than the limit, when nothing else is', async () => {
    const pool = new PartPool(size, size);
    const one = await pool.take(size);
    const large = pool.take(5 * size);
    const after = pool.take(10);
    expect(await isWaiting(large)).toBe(true);
    one.release();
    (await large).release();
    (await after).release();
  });

  it('is lent at once or not at all to who holds some', async () => {
    const pool = new PartPool(3 * size, size);
    const held = await pool.take(size);
    const more = pool.tryTake(2 * size);
    expect(more?.bytes.length).toBe(2 * size);
    expect(pool.tryTake(1)).toBeUndefined();
    const waiting = pool.take(3 * size);
    more?.release();
    expect(pool.tryTake(1)).toBeUndefined();
    held.release();
    (await waiting).release();
  });

  it('comes back from who offered it when others want it, and not before', async () => {
    const pool = new PartPool(size, size);
    const idle = await pool.take(size);
    const giveBack = vi.fn<() => void>(() => idle.release());
    idle.offer(giveBack, 0);
    expect(giveBack).not.toHaveBeenCalled();
    (await pool.take(size)).release();
    expect(giveBack).toHaveBeenCalledOnce();
  });

  it('comes back from who has been idle for long enough', async () => {
    vi.useFakeTimers();
    const pool = new PartPool(size, size);
    const idle = await pool.take(size);
    idle.offer(() => idle.release(), 2_000);
    let hasIt = false;
    void pool.take(size).then(() => (hasIt = true));
    await vi.advanceTimersByTimeAsync(1_900);
    expect(hasIt).toBe(false);
    await vi.advanceTimersByTimeAsync(700);
    expect(hasIt).toBe(true);
  });

  it('stays with who took the offer back', async () => {
    const pool = new PartPool(size, size);
    const busy = await pool.take(size);
    busy.offer(() => busy.release(), 0);
    busy.retract();
    const other = pool.take(size);
    expect(await isWaiting(other)).toBe(true);
    busy.release();
    (await other).release();
  });
});

describe('the bytes below a part', () => {
  it('need nothing of the pool up to 32 KiB', async () => {
    const pool = new PartPool(200_000, 200_000);
    const buffer = new PartBuffer(pool, 200_000);
    await buffer.fill(Buffer.alloc(32_768, 1), 0);
    expect(pool.lentBytes).toBe(0);
    expect(await buffer.fill(Buffer.alloc(200_000, 2), 0)).toBe(200_000 - 32_768);
    expect(pool.lentBytes).toBe(200_000);
    expect(buffer.isFull).toBe(true);
    expect(buffer.bytes.equals(Buffer.concat([Buffer.alloc(32_768, 1), Buffer.alloc(167_232, 2)]))).toBe(
      true,
    );
    buffer.drop();
    expect(pool.lentBytes).toBe(0);
    expect(buffer.length).toBe(0);
  });

  it('move to more memory when there is some', async () => {
    const pool = new PartPool(600_000, 400_000);
    const buffer = new PartBuffer(pool, 100_000);
    const first = Buffer.alloc(100_000, 1);
    for (let at = 0; at < first.length;) at += await buffer.fill(first, at);
    expect(buffer.widen(700_000)).toBe(false);
    expect(buffer.isFull).toBe(true);
    expect(buffer.widen(400_000)).toBe(true);
    expect(pool.lentBytes).toBe(400_000);
    await buffer.fill(Buffer.alloc(100_000, 2), 0);
    expect(buffer.bytes.equals(Buffer.concat([first, Buffer.alloc(100_000, 2)]))).toBe(true);
    buffer.drop();
    expect(pool.lentBytes).toBe(0);
  });
});
