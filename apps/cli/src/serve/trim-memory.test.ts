import { expect, it } from 'vitest';
import { trimMemory } from './trim-memory.ts';

it('gives back the memory of what nobody needs any more', async () => {
  let garbage: unknown[] | undefined = Array.from({ length: 400_000 }, (_, index) => ({
    index,
    text: `n${index}`,
  }));
  expect(garbage).toHaveLength(400_000);
  const before = process.memoryUsage().heapTotal;
  garbage = undefined;
  await trimMemory();
  expect(process.memoryUsage().heapTotal).toBeLessThan(before - 10_000_000);
});
