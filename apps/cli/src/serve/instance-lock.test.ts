import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findInstance, takeInstanceLock } from './instance-lock.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-test-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('the instance lock', () => {
  it('is held by one at a time, and names the holder', async () => {
    const lock = await takeInstanceLock(directory);
    await expect(takeInstanceLock(directory)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`process ${process.pid}`) as string,
    });
    await lock.release();
    const next = await takeInstanceLock(directory);
    await next.release();
  });

  it('tells who holds it, and that nobody does', async () => {
    expect(await findInstance(directory)).toBeUndefined();
    const lock = await takeInstanceLock(directory);
    expect(await findInstance(directory)).toBe(String(process.pid));
    await lock.release();
    expect(await findInstance(directory)).toBeUndefined();
  });

  async function holdInChild(): Promise<ChildProcess> {
    const module = fileURLToPath(new URL('./instance-lock.ts', import.meta.url));
    const script = `const { takeInstanceLock } = await import(${JSON.stringify(module)});
      await takeInstanceLock(${JSON.stringify(directory)});
      console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, [
      '--conditions=entrepot-source',
      '--input-type=module',
      '-e',
      script,
    ]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    return child;
  }

  it('ends with a process that is killed', async () => {
    const child = await holdInChild();
    await expect(takeInstanceLock(directory)).rejects.toThrow(`process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = await takeInstanceLock(directory);
    await lock.release();
  });

  it('is taken by one of many that start at once after a holder was killed', async () => {
    const child = await holdInChild();
    child.kill('SIGKILL');
    await once(child, 'exit');
    for (let round = 0; round < 5; round++) {
      const starts = await Promise.allSettled(Array.from({ length: 8 }, () => takeInstanceLock(directory)));
      const held = starts.filter((start) => start.status === 'fulfilled');
      expect(held).toHaveLength(1);
      await expect(takeInstanceLock(directory)).rejects.toThrow(/in use/);
      await held[0]?.value.release();
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  it('works where the path is too long for a socket', async () => {
    const long = join(directory, 'a-long-name'.repeat(12));
    mkdirSync(long);
    const lock = await takeInstanceLock(long);
    await expect(takeInstanceLock(long)).rejects.toThrow(/in use/);
    await lock.release();
  });
});
