import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeDataFolder } from '../servers/data-folder.ts';
import { listFamily, residentMemory } from '../servers/process-usage.ts';
import { freePort } from '../servers/server.ts';
import type { Figure, FigureCase } from './figure.ts';

const root = resolve(import.meta.dirname, '../..');
const secondsUntilIdle = 10;

/** Runs `npm start` twice on the same data and measures the second: when it is ready, and what it holds idle. */
export const start: FigureCase = { id: 'start', isQuick: false, measure };

async function measure(): Promise<Figure[]> {
  const data = makeDataFolder();
  try {
    await (await npmStart(data)).stop();
    const started = performance.now();
    const product = await npmStart(data);
    const seconds = (performance.now() - started) / 1000;
    await sleep(secondsUntilIdle * 1000);
    const memory = product.memory() / 1e6;
    await product.stop();
    return [
      { id: 'start', title: 'ready after the second `npm start`', value: seconds, unit: 's', atMost: 10 },
      {
        id: 'idle-memory',
        title: 'idle memory of all node processes',
        value: memory,
        unit: 'MB',
        atMost: 250,
      },
    ];
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

async function npmStart(data: string): Promise<{ memory(): number; stop(): Promise<void> }> {
  const port = await freePort();
  const child = spawn('npm', ['start'], {
    cwd: root,
    stdio: 'ignore',
    env: {
      ...process.env,
      ENTREPOT_HTTP_PORT: String(port),
      ENTREPOT_DATA: data,
      ENTREPOT_METRICS_ADDRESS: 'off',
    },
  });
  const family = () => listFamily(child.pid === undefined ? [] : [child.pid]);
  const stop = async () => {
    const members = family();
    for (const { pid, name } of members) if (name !== 'postgres') interrupt(pid);
    // npm ends before those below it; what has ended, reaped or not, holds no memory
    while (members.some(({ pid }) => residentMemory(pid) > 0)) await sleep(50);
  };
  const late = Date.now() + 300_000;
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/api/v2.0/health`).then(
      (answer) => answer.ok,
      () => false,
    );
  while (!(await isReady())) {
    if (child.exitCode !== null || Date.now() > late) {
      await stop();
      throw new Error('npm start did not become ready');
    }
    await sleep(50);
  }
  const memory = () =>
    family()
      .filter(({ name }) => name !== 'postgres')
      .reduce((sum, { pid }) => sum + residentMemory(pid), 0);
  return { memory, stop };
}

function interrupt(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // it has ended
  }
}
