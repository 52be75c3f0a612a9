import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ContentStore } from './content-store.ts';
import { gatedDriver } from './testing/gated-driver.ts';
import { GatherBudget } from './gather-budget.ts';

const mebibyte = 1024 * 1024;

describe('gather budget', () => {
  it('makes batches small while much is held, and large again after', () => {
    const budget = new GatherBudget(100);
    const large = budget.batchBytes;
    budget.hold(101);
    expect(budget.batchBytes).toBeLessThan(large);
    budget.release(1);
    expect(budget.batchBytes).toBe(large);
  });

  it('keeps what 200 uploads at once hold below 48 MiB', async () => {
    const { driver, open } = gatedDriver();
    const store = new ContentStore(driver);
    const chunk = Buffer.alloc(65_536);
    const writers = await Promise.all(
      Array.from({ length: 200 }, () => store.openUpload(randomUUID(), 1, { algorithm: 'sha256' })),
    );
    const waiting = new Map<(typeof writers)[number], Promise<void>>();
    while (waiting.size < writers.length) {
      for (const writer of writers) {
        const wait = waiting.has(writer) ? undefined : writer.write(Buffer.from(chunk));
        if (wait !== undefined) waiting.set(writer, wait);
      }
    }
    const held = writers.reduce((sum, writer) => sum + writer.size, 0);
    expect(held).toBeLessThan(48 * mebibyte);
    open();
    await Promise.all(waiting.values());
    await Promise.all(writers.map((writer) => writer.discard()));
  });
});
