import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { NotificationListener } from '@entrepot/database/notifications';
import { createTestDatabase } from '@entrepot/database/testing';
import { createLogger } from '@entrepot/telemetry/logger';
import { migrateQueues, WakeQueue, type QueueConnection } from './wake-queue.ts';
import { outboxChannel, Wakeup } from './wakeup.ts';

const log = createLogger({ level: 'silent' });
const redisServer = process.env['ENTREPOT_REDIS_SERVER'] ?? 'redis-server';
const hasRedis = spawnSync(redisServer, ['--version']).status === 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function startRedis(): Promise<QueueConnection> {
  const directory = await mkdtemp(join(tmpdir(), 'entrepot-redis-'));
  const port = await freePort();
  const redis = spawn(redisServer, [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--dir',
    directory,
  ]);
  onTestFinished(async () => {
    const ended = new Promise((resolve) => redis.once('exit', resolve));
    redis.kill();
    await ended;
    await rm(directory, { recursive: true, force: true });
  });
  return { kind: 'redis', url: `redis://127.0.0.1:${port}` };
}

async function usePostgres(): Promise<QueueConnection> {
  const test = await createTestDatabase();
  onTestFinished(() => test.close());
  await migrateQueues(test.connection);
  return { kind: 'postgres', connection: test.connection };
}

describe.each([
  ['PostgreSQL', true, usePostgres],
  ['Redis', hasRedis, startRedis],
] as const)('messages by %s', (_, present, open) => {
  it.skipIf(!present)('arrive once, late ones late, and not twice while they are on their way', async () => {
    const connection = await open();
    const [sender, receiver] = [new WakeQueue(connection, log), new WakeQueue(connection, log)];
    onTestFinished(async () => {
      await Promise.all([sender.close(), receiver.close()]);
    });
    const received: number[] = [];
    await sender.send([{ queue: 'content', taskId: 1, attempts: 0 }]);
    await sender.send([{ queue: 'content', taskId: 1, attempts: 0 }]);
    await sender.send([{ queue: 'content', taskId: 2, attempts: 0, delayMilliseconds: 400 }]);
    await sender.send([{ queue: 'maintenance', taskId: 3, attempts: 0 }]);
    receiver.receive('content', 2, async (taskId) => void received.push(taskId));
    await vi.waitFor(() => expect(received).toEqual([1]), { timeout: 5_000 });
    await vi.waitFor(() => expect(received).toEqual([1, 2]), { timeout: 5_000 });
    await sender.send([{ queue: 'content', taskId: 1, attempts: 0 }]);
    await vi.waitFor(() => expect(received).toEqual([1, 2, 1]), { timeout: 5_000 });
  });
});

describe('a queue in PostgreSQL', () => {
  it('brings messages again soon after every connection broke', async () => {
    const test = await createTestDatabase();
    await migrateQueues(test.connection);
    const wakes = new WakeQueue({ kind: 'postgres', connection: test.connection }, log);
    onTestFinished(async () => {
      await wakes.close();
      await test.close();
    });
    const received: number[] = [];
    wakes.receive('content', 2, async (taskId) => void received.push(taskId));
    await wakes.send([{ queue: 'content', taskId: 1, attempts: 0 }]);
    await vi.waitFor(() => expect(received).toEqual([1]), { timeout: 5_000 });
    await test.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await vi.waitFor(() => wakes.send([{ queue: 'content', taskId: 2, attempts: 0 }]), { timeout: 5_000 });
    await vi.waitFor(() => expect(received).toEqual([1, 2]), { timeout: 20_000 });
  });
});

describe('Wakeup', () => {
  it('wakes the listener soon and seldom, also after its connection broke', async () => {
    const test = await createTestDatabase();
    onTestFinished(() => test.close());
    let heard = 0;
    const listener = new NotificationListener(test.connection, outboxChannel, () => heard++);
    await listener.start();
    onTestFinished(() => listener.close());
    expect(heard).toBe(1);

    const wakeup = new Wakeup(test.database);
    await test.database.transaction(async () => {
      for (let times = 0; times < 1_000; times++) wakeup.ring();
    });
    await sleep(350);
    // one at once, one for all the others
    expect(heard).toBe(3);

    await test.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'entrepot listen' AND datname = current_database()`,
    );
    await vi.waitFor(() => expect(heard).toBe(4), { timeout: 10_000 });
    wakeup.ring();
    await vi.waitFor(() => expect(heard).toBe(5), { timeout: 5_000 });
  });
});
