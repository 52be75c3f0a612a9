import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fewAtOnce } from './few-at-once.ts';

async function* numbers(count: number, ended: () => void = () => undefined): AsyncGenerator<number> {
  try {
    for (let n = 0; n < count; n++) yield n;
  } finally {
    ended();
  }
}

describe('work done a few at once', () => {
  it('is done once for each item, no more than a few under way', async () => {
    const seen: number[] = [];
    let underWay = 0;
    let most = 0;
    await fewAtOnce(numbers(50), 4, async (n) => {
      most = Math.max(most, ++underWay);
      await sleep(n % 3);
      underWay -= 1;
      seen.push(n);
    });
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(most).toBe(4);
  });

  it('ends with the first failure, once what is under way has settled', async () => {
    let isClosed = false;
    let settled = 0;
    const run = fewAtOnce(
      numbers(1_000, () => (isClosed = true)),
      3,
      async (n) => {
        await sleep(1);
        settled += 1;
        if (n === 5) throw new Error('five');
      },
    );
    await expect(run).rejects.toThrow('five');
    const atEnd = settled;
    await sleep(10);
    expect(settled).toBe(atEnd);
    expect(atEnd).toBeLessThan(20);
    expect(isClosed).toBe(true);
  });
});
