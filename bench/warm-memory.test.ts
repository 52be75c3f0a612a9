import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { WarmMemory, type Memory } from './warm-memory.ts';

const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;
const total = 128 * mebibyte;
const neverFull: Memory = { total, free: () => gibibyte };

function warmMemory(memory: Memory, size?: number): { folder: string; warm: WarmMemory } {
  const folder = mkdtempSync(join(tmpdir(), 'entrepot-warm-'));
  const warm = new WarmMemory(folder, memory, size);
  onTestFinished(() => {
    warm.close();
    rmSync(folder, { recursive: true });
  });
  return { folder, warm };
}

it('reads until no more than 200 MiB are free', () => {
  let free = 500 * mebibyte;
  const { warm } = warmMemory({ total: gibibyte, free: () => (free -= 100 * mebibyte) });
  expect(warm.fill()).toBe(128 * mebibyte);
});

it('reads no more in one call than the memory has, and as much in the next', () => {
  const { warm } = warmMemory(neverFull);
  expect([warm.fill(), warm.fill()]).toEqual([total, total]);
});

it('begins again where its file ends', () => {
  const { warm } = warmMemory(neverFull, 50 * mebibyte);
  const filled = warm.fill();
  expect(filled).toBeGreaterThanOrEqual(total);
  expect(filled).toBeLessThan(total + 64 * mebibyte);
});

it('ends where there is nothing to read', () => {
  const { warm } = warmMemory(neverFull, 0);
  expect(warm.fill()).toBe(0);
});

it('takes a smaller file where one of that length cannot be', () => {
  const { folder, warm } = warmMemory(neverFull, Number.MAX_SAFE_INTEGER);
  expect(statSync(join(folder, 'holes')).size).toBeGreaterThan(gibibyte);
  expect(warm.fill()).toBe(total);
});
