import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { createLogger } from '@entrepot/telemetry/logger';
import { handle, type JobContext } from './handler.ts';
import { JobQueue } from './job-queue.ts';
import { job } from './job.ts';
import { Tasks } from './tasks.ts';
import { migrateQueues, WakeQueue } from './wake-queue.ts';
import { Workers } from './workers.ts';

const log = createLogger({ level: 'silent' });
const payload = z.object({ name: z.string() });
type Work = (given: { name: string }, context: JobContext) => Promise<void>;

const plain = job({
  name: 'test.plain',
  summary: 'Works.',
  queue: 'content',
  payload,
  attempts: 2,
  backoffSeconds: 0,
});
const ordered = job({ ...plain, name: 'test.ordered', payload, ordered: true });
const unique = job({ ...plain, name: 'test.unique', payload, uniqueBy: (given) => given.name });
const passing = job({ ...plain, name: 'test.passing', payload, recorded: false });
const definitions = [plain, ordered, unique, passing];

let test: TestDatabase;
let database: Database;
let tasks: Tasks;
let wakes: WakeQueue;
let queue: JobQueue;
let work: Work;
const opened: { workers: Workers; wakes: WakeQueue }[] = [];

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
  await migrateQueues(test.connection);
  tasks = new Tasks(database);
});
afterAll(() => test.close());
beforeEach(() => {
  wakes = new WakeQueue({ kind: 'postgres', connection: test.connection }, log);
  queue = new JobQueue(database, wakes, log);
  work = async () => undefined;
});
afterEach(async () => {
  for (const each of opened) each.workers.stop();
  await Promise.all([wakes, ...opened.splice(0).map((each) => each.wakes)].map((each) => each.close()));
  await database.query('DELETE FROM task');
});

function startWorkers(
  options: { concurrency?: number; heartbeatSeconds?: number; does?: Work } = {},
): Workers {
  const own = new WakeQueue({ kind: 'postgres', connection: test.connection }, log);
  const { does = (given, context) => work(given, context), ...rest } = options;
  const handlers = definitions.map((definition) => handle(definition, does));
  const workers = new Workers({ database, wakes: own, handlers, definitions, log, ...rest });
  workers.start();
  opened.push({ workers, wakes: own });
  return workers;
}

async function status(id: number | undefined): Promise<string | undefined> {
  const [row] = await database.query<{ status: string }>('SELECT status FROM task WHERE id = $1', [id]);
  return row?.status;
}

async function reaches(id: number | undefined, wanted: string): Promise<void> {
  await vi.waitFor(async () => expect(await status(id)).toBe(wanted), { timeout: 10_000, interval: 20 });
}

describe('a task', () => {
  it('is done soon after it was enqueued, and stays on record', async () => {
    const done: string[] = [];
    work = async ({ name }) => void done.push(name);
    startWorkers();
    const id = await queue.enqueue(plain, { name: 'one' });
    await reaches(id, 'succeeded');
    expect(done).toEqual(['one']);
  });

  it('exists exactly if its transaction commits', async () => {
    const rolledBack = database.transaction(async () => {
      await queue.enqueue(plain, { name: 'never' });
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(await database.query('SELECT 1 FROM task')).toEqual([]);
    startWorkers();
    const id = await database.transaction(() => queue.enqueue(plain, { name: 'kept' }));
    await reaches(id, 'succeeded');
  });

  it('is made once while the same one waits', async () => {
    const id = await queue.enqueue(unique, { name: 'a' });
    expect(id).toBeGreaterThan(0);
    expect(await queue.enqueue(unique, { name: 'a' })).toBeUndefined();
    expect(await queue.enqueue(unique, { name: 'b' })).toBeGreaterThan(0);
  });

  it('leaves no row when its success is of no interest', async () => {
    startWorkers();
    const id = await queue.enqueue(passing, { name: 'a' });
    await vi.waitFor(async () => expect(await status(id)).toBeUndefined(), { timeout: 10_000 });
  });

  it('is refused with a payload that is none of its job', async () => {
    // what a caller without types would do
    await expect(queue.enqueue(plain, { name: 7 } as unknown as { name: string })).rejects.toThrow();
  });
});

describe('a task that fails', () => {
  it('is tried again, then parked with its error, and its log can be read', async () => {
    const attempts: number[] = [];
    work = async (_, { attempt, log: write }) => {
      attempts.push(attempt);
      await database.transaction(async () => write(`attempt ${attempt}`));
      throw new Error('no luck');
    };
    startWorkers();
    const id = await queue.enqueue(plain, { name: 'unlucky' });
    await reaches(id, 'parked');
    expect(attempts).toEqual([1, 2]);
    const [row] = await database.query<{ error: string }>('SELECT error FROM task WHERE id = $1', [id]);
    expect(row?.error).toBe('Error: no luck');
    const lines = await database.query<{ line: string }>(
      'SELECT line FROM task_log WHERE task_id = $1 ORDER BY id',
      [id],
    );
    expect(lines.map(({ line }) => line)).toEqual([
      'attempt 1',
      'Error: no luck',
      'attempt 2',
      'Error: no luck',
    ]);
  });

  it('lets the next one of its key go on when it is parked', async () => {
    const seen: string[] = [];
    work = async ({ name }) => {
      seen.push(name);
      if (name === 'bad') throw new Error('bad');
    };
    startWorkers();
    const bad = await queue.enqueue(ordered, { name: 'bad' }, { key: 'k' });
    const good = await queue.enqueue(ordered, { name: 'good' }, { key: 'k' });
    await reaches(good, 'succeeded');
    expect(await status(bad)).toBe('parked');
    expect(seen).toEqual(['bad', 'bad', 'good']);
  });
});

describe('tasks of one key', () => {
  it('are done one at a time, in order, also by two processes', async () => {
    const seen: string[] = [];
    let running = 0;
    work = async ({ name }) => {
      expect(++running).toBe(1);
      await sleep(5);
      seen.push(name);
      running--;
    };
    startWorkers({ concurrency: 4 });
    startWorkers({ concurrency: 4 });
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    let last: number | undefined;
    for (const name of names) last = await queue.enqueue(ordered, { name }, { key: 'k' });
    await reaches(last, 'succeeded');
    expect(seen).toEqual(names);
  });
});

describe('a worker that dies in the middle of a task', () => {
  it('loses it to another one, and cannot end it afterwards', async () => {
    let release = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      const held = new Promise<void>((free) => (release = free));
      // deaf and busy, as a dead process is: no heartbeat reaches the row, and no other task is taken
      startWorkers({ concurrency: 1, heartbeatSeconds: 3600, does: async () => (resolve(), held) });
    });
    const id = await queue.enqueue(plain, { name: 'lost' });
    await begun;
    await database.query(`UPDATE task SET heartbeat_at = now() - interval '1 hour' WHERE id = $1`, [id]);
    const again: number[] = [];
    const second = startWorkers({
      does: async (_, { attempt }) => {
        again.push(attempt);
        await sleep(300);
        throw new Error('the second attempt fails');
      },
    });
    await second.sweep();
    await vi.waitFor(async () => {
      const [row] = await database.query<{ attempts: number }>('SELECT attempts FROM task WHERE id = $1', [
        id,
      ]);
      expect(row?.attempts).toBe(2);
    });
    release();
    await reaches(id, 'parked');
    await sleep(50);
    expect(await status(id)).toBe('parked');
    expect(again).toEqual([2]);
  });

  it('has its task parked when that was the last attempt', async () => {
    const id = await queue.enqueue(plain, { name: 'killer' });
    await database.query(
      `UPDATE task SET status = 'running', owner = 'gone', attempts = 2, heartbeat_at = now() - interval '1 hour' WHERE id = $1`,
      [id],
    );
    expect(await tasks.sweep(definitions)).toEqual([]);
    expect(await status(id)).toBe('parked');
  });
});

describe('the sweeper', () => {
  it('finds a task whose message was lost with the queue', async () => {
    const [row] = await database.query<{ id: number }>(
      `INSERT INTO task (job, queue, payload, run_after) VALUES ('test.plain', 'content', '{"name":"x"}', now() - interval '1 minute')
       RETURNING id`,
    );
    const workers = startWorkers();
    await workers.sweep();
    await reaches(row?.id, 'succeeded');
    expect(await tasks.ages()).toEqual(new Map());
  });
});

describe('stopping', () => {
  it('ends a waiting task at once and a running one at its heartbeat', async () => {
    const waiting = await queue.enqueue(plain, { name: 'later' }, { delaySeconds: 60 });
    expect(await tasks.stop(waiting ?? 0)).toBe(true);
    expect(await status(waiting)).toBe('stopped');

    work = async (_, { signal }) => {
      await sleep(60_000, undefined, { signal });
    };
    startWorkers({ heartbeatSeconds: 0.05 });
    const running = await queue.enqueue(plain, { name: 'now' });
    await reaches(running, 'running');
    expect(await tasks.stop(running ?? 0)).toBe(true);
    await reaches(running, 'stopped');
  });

  it('gives running tasks back when the process ends, without counting the attempt', async () => {
    work = async (_, { signal }) => {
      await sleep(60_000, undefined, { signal });
    };
    const workers = startWorkers();
    const id = await queue.enqueue(plain, { name: 'interrupted' });
    await reaches(id, 'running');
    workers.stop();
    await reaches(id, 'pending');
    const [row] = await database.query<{ attempts: number }>('SELECT attempts FROM task WHERE id = $1', [id]);
    expect(row?.attempts).toBe(0);
  });
});
