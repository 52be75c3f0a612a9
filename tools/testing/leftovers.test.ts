import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { listLeftovers, runVariable } from './leftovers.ts';

test.runIf(process.platform === 'linux')('finds the processes of a run while they live', async () => {
  const run = randomUUID();
  const child = spawn('sleep', ['60'], { env: { ...process.env, [runVariable]: run } });
  await once(child, 'spawn');
  try {
    expect(listLeftovers(run)).toEqual([{ pid: child.pid, command: 'sleep 60' }]);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
  expect(listLeftovers(run)).toEqual([]);
});
