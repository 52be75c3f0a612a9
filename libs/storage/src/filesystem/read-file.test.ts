import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readFileRange } from './read-file.ts';

const mebibyte = 1024 * 1024;

describe('a long read', () => {
  const bytes = randomBytes(21 * mebibyte + 17);
  let folder: string;
  let path: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-read-'));
    path = join(folder, 'object');
    await writeFile(path, bytes);
  });

  afterAll(() => rm(folder, { recursive: true }));
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Makes the disk look slow: the read that begins at step n takes as long as `milliseconds` says. */
  function slowDown(milliseconds: (step: number) => number): void {
    let calls = 0;
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => {
      if (calls % 2 === 1) now += milliseconds((calls - 1) / 2);
      calls += 1;
      return now;
    });
  }

  async function readAll(pause?: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    await readFileRange(path, undefined, async (chunk) => {
      if (pause !== undefined) await setTimeout(pause);
      chunks.push(Buffer.from(chunk));
    });
    return Buffer.concat(chunks);
  }

  it.each([
    ['quick', () => 0],
    ['slow', () => 20],
    ['slow at times', (step: number) => (step % 3 === 0 ? 20 : 0)],
    ['quick at first', (step: number) => (step < 2 ? 0 : 20)],
  ])('gives the same bytes when the disk is %s', async (_, milliseconds) => {
    slowDown(milliseconds);
    expect((await readAll()).equals(bytes)).toBe(true);
    expect((await readAll(1)).equals(bytes)).toBe(true);
  });

  it('begins with small pieces again, and takes longer ones, when the disk was slow', async () => {
    slowDown((step) => (step === 1 ? 20 : 0));
    const lengths: number[] = [];
    await readFileRange(path, undefined, (chunk) => void lengths.push(chunk.length / mebibyte));
    const [before, cold] = [[0.25, 4], [2]];
    expect(lengths.slice(0, 9)).toEqual([...before, ...cold, 0.25, 0.5, 1, 2, 4, 4]);
  });

  it('gives each reader its own bytes when there are more of them than large buffers', async () => {
    const read = await Promise.all(Array.from({ length: 12 }, () => readAll(1)));
    expect(read.every((one) => one.equals(bytes))).toBe(true);
  });

  it('lets others have their turn, even when the consumer takes all at once', async () => {
    let turns = 0;
    const take = (): void => {
      turns += 1;
      immediate = setImmediate(take);
    };
    let immediate = setImmediate(take);
    await readFileRange(path, undefined, () => undefined);
    clearImmediate(immediate);
    expect(turns).toBeGreaterThanOrEqual(5);
  });
});
