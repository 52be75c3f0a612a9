import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findInstance, takeInstanceLock } from './instance-lock.ts';

const nobody = 65_534;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
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
    expect(await findInstance(join(directory, 'not-there-yet'))).toBeUndefined();
    const lock = await takeInstanceLock(directory);
    expect(await findInstance(directory)).toBe(String(process.pid));
    await lock.release();
    expect(await findInstance(directory)).toBeUndefined();
  });

  /** A process that tries to take the lock at a time, and says how that went. */
  function startChild(at = 0, uid?: number): { child: ChildProcess; said: Promise<string> } {
    const module = fileURLToPath(new URL('./instance-lock.ts', import.meta.url));
    const script = `const { takeInstanceLock } = await import(${JSON.stringify(module)});
      while (Date.now() < ${at});
      await takeInstanceLock(${JSON.stringify(directory)})
        .then(() => console.log('held'), (error) => console.log(error.code));
      setInterval(() => {}, 1000);`;
    const args = ['--conditions=entrepot-source', '--input-type=module', '-e', script];
    const child = spawn(process.execPath, args, uid === undefined ? {} : { uid, gid: uid });
    onTestFinished(() => void child.kill('SIGKILL'));
    return { child, said: once(child.stdout, 'data').then(([line]) => String(line).trim()) };
  }

  async function killedHolder(): Promise<void> {
    const { child, said } = startChild();
    expect(await said).toBe('held');
    await expect(takeInstanceLock(directory)).rejects.toThrow(`process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  it('ends with a process that is killed', async () => {
    await killedHolder();
    const lock = await takeInstanceLock(directory);
    await lock.release();
    expect(readdirSync(directory)).toEqual([]);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'of root, who was killed, does not keep the owner of the directory out (tried as root only)',
    async () => {
      chownSync(directory, nobody, nobody);
      await killedHolder();
      const [socket = ''] = readdirSync(directory);
      expect(statSync(join(directory, socket)).uid).toBe(nobody);
      const { said } = startChild(0, nobody);
      expect(await said).toBe('held');
    },
  );

  it('is taken by one of several processes that start at once after a holder was killed', async () => {
    await killedHolder();
    const at = Date.now() + 1_000;
    const children = Array.from({ length: 4 }, () => startChild(at));
    const said = await Promise.all(children.map((each) => each.said));
    expect(said.toSorted()).toEqual(['CONFIG_INVALID', 'CONFIG_INVALID', 'CONFIG_INVALID', 'held']);
  });

  it('works where the path is too long for a socket', async () => {
    const long = join(directory, 'a-long-name'.repeat(12));
    mkdirSync(long);
    const lock = await takeInstanceLock(long);
    await expect(takeInstanceLock(long)).rejects.toThrow(/in use/);
    await lock.release();
  });
});
