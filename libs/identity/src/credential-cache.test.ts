import { describe, expect, it } from 'vitest';
import { BoundedQueue } from './bounded-queue.ts';
import { CredentialCache } from './credential-cache.ts';

const clock = { time: 0, now: () => clock.time };

function counting(answer: boolean): { check: () => Promise<boolean>; count: () => number } {
  let count = 0;
  return { check: async () => (count++, answer), count: () => count };
}

describe('CredentialCache', () => {
  it('checks a secret once for many requests, at once and later', async () => {
    const cache = new CredentialCache({ clock });
    const { check, count } = counting(true);
    await Promise.all(Array.from({ length: 50 }, () => cache.matches('a', 'secret', 1, check)));
    await cache.matches('a', 'secret', 1, check);
    expect(count()).toBe(1);
  });

  it.each([
    ['another secret', 'a', 'other', 1],
    ['another account', 'b', 'secret', 1],
    ['another credential version', 'a', 'secret', 2],
  ])('checks again for %s', async (_, account, secret, version) => {
    const cache = new CredentialCache({ clock });
    await cache.matches('a', 'secret', 1, async () => true);
    expect(await cache.matches(account, secret, version, async () => false)).toBe(false);
  });

  it('forgets with time and beyond its size, and never remembers a refusal', async () => {
    const cache = new CredentialCache({ clock, seconds: 60, remembered: 2 });
    const no = async (): Promise<boolean> => false;
    await cache.matches('a', 'secret', 1, async () => true);
    clock.time += 60_001;
    expect(await cache.matches('a', 'secret', 1, no)).toBe(false);
    for (const account of ['x', 'y', 'z']) await cache.matches(account, 'secret', 1, async () => true);
    expect(await cache.matches('x', 'secret', 1, no)).toBe(false);
    expect(await cache.matches('z', 'secret', 1, no)).toBe(true);
    expect(await cache.matches('x', 'secret', 1, async () => true)).toBe(true);
  });

  it('passes on that a check could not be made', async () => {
    const cache = new CredentialCache({ clock });
    const fails = cache.matches('a', 'secret', 1, async () => {
      throw new Error('no room');
    });
    await expect(fails).rejects.toThrow('no room');
    expect(await cache.matches('a', 'secret', 1, async () => true)).toBe(true);
  });
});

describe('BoundedQueue', () => {
  it('runs so many at once, in order, and refuses at once when the line is full', async () => {
    const queue = new BoundedQueue({ running: 2, waiting: 3 });
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const task = (id: number) => async (): Promise<number> => {
      most = Math.max(most, ++running);
      order.push(id);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      return id;
    };
    const accepted = [1, 2, 3, 4, 5].map((id) => queue.run(task(id)));
    await expect(queue.run(task(6))).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfter: 2 });
    expect(await Promise.all(accepted)).toEqual([1, 2, 3, 4, 5]);
    expect([order, most]).toEqual([[1, 2, 3, 4, 5], 2]);
    expect(await queue.run(task(7))).toBe(7);
  });

  it('goes on after a task that failed', async () => {
    const queue = new BoundedQueue({ running: 1, waiting: 1 });
    const bad = queue.run(async () => {
      throw new Error('bad');
    });
    const good = queue.run(async () => 'good');
    await expect(bad).rejects.toThrow('bad');
    expect(await good).toBe('good');
  });
});
