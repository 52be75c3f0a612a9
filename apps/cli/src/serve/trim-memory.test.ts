import { runInNewContext } from 'node:vm';
import { expect, it, vi } from 'vitest';
import { createLogger } from '@entrepot/telemetry/logger';
import { trimMemory } from './trim-memory.ts';

vi.mock('node:vm', { spy: true });

/** Trims, and returns what was logged. */
async function trim(): Promise<string> {
  let lines = '';
  await trimMemory(createLogger({ level: 'warn', destination: { write: (line) => void (lines += line) } }));
  return lines;
}

it('gives back the memory of what nobody needs any more', async () => {
  let garbage: unknown[] | undefined = Array.from({ length: 400_000 }, (_, index) => ({
    index,
    text: `n${index}`,
  }));
  expect(garbage).toHaveLength(400_000);
  const before = process.memoryUsage().heapTotal;
  garbage = undefined;
  expect(await trim()).toBe('');
  expect(process.memoryUsage().heapTotal).toBeLessThan(before - 10_000_000);
});

it('leaves it where V8 shows no collector', async () => {
  vi.mocked(runInNewContext).mockReturnValue(undefined);
  expect(await trim()).toBe('');
  expect(runInNewContext).toHaveBeenCalledOnce();
});

function fail(): never {
  throw new Error('no context');
}

it.each([
  ['cannot be had', fail],
  ['fails', () => async () => fail()],
])('says so, and goes on, when the collector %s', async (_, run) => {
  vi.mocked(runInNewContext).mockImplementation(run);
  expect(await trim()).toContain('the memory of the start is not given back');
});
