import { randomUUID } from 'node:crypto';
import type { Database } from '@entrepot/database/database';
import type { Logger } from '@entrepot/telemetry/logger';
import { checkHandlers, type JobHandler } from './handler.ts';
import { queueNames, type AnyJob, type QueueName } from './job.ts';
import { abort, isReason } from './stop-reason.ts';
import { TaskLog } from './task-log.ts';
import { Tasks, type OpenTask, type TakenTask } from './tasks.ts';
import type { WakeQueue } from './wake-queue.ts';

/** What {@link Workers} need. */
export interface WorkersOptions {
  readonly database: Database;
  readonly wakes: WakeQueue;
  readonly handlers: readonly JobHandler[];
  /** All jobs: each must have one handler. */
  readonly definitions: readonly AnyJob[];
  readonly log: Logger;
  /** Tasks of one queue at a time; default 2. */
  readonly concurrency?: number;
  readonly heartbeatSeconds?: number;
}

interface Running {
  readonly task: TakenTask;
  readonly stop: AbortController;
}

/**
 * Does the tasks of all queues. A task belongs to whoever set its row to running; heartbeats say that he lives,
 * and a task without them is done again by somebody else. Nothing here runs while there is nothing to do.
 */
export class Workers {
  readonly #options: WorkersOptions;
  readonly #tasks: Tasks;
  readonly #handlers: ReadonlyMap<string, JobHandler>;
  readonly #owner = randomUUID();
  readonly #running = new Map<number, Running>();
  #heart: NodeJS.Timeout | undefined;
  #ending = false;

  /** `INTERNAL` when a job has no handler, or two. */
  constructor(options: WorkersOptions) {
    checkHandlers(options.definitions, options.handlers);
    this.#options = options;
    this.#tasks = new Tasks(options.database);
    this.#handlers = new Map(options.handlers.map((handler) => [handler.definition.name, handler]));
  }

  /** Begins to take tasks. */
  start(): void {
    for (const queue of queueNames) {
      this.#options.wakes.receive(queue, this.#options.concurrency ?? 2, (taskId) => this.#work(taskId));
    }
  }

  /** Tells running tasks to end, so that they are done again later. The queue's `close()` waits for them. */
  stop(): void {
    this.#ending = true;
    for (const { stop } of this.#running.values()) abort(stop, 'the process ends');
  }

  /**
   * Announces again what was lost: tasks whose worker died, and those that have been due for `dueSeconds`. Called
   * now and then, and with 0 at the start, for what the process before left behind.
   */
  async sweep(dueSeconds?: number): Promise<void> {
    await this.#announce(await this.#tasks.sweep(this.#options.definitions, dueSeconds));
  }

  async #work(taskId: number): Promise<void> {
    if (this.#ending) return;
    try {
      const task = await this.#tasks.take(taskId, this.#owner);
      if (task !== undefined) await this.#run(task);
    } catch (error) {
      // the row is as it was, or will be found without a heartbeat
      this.#options.log.error({ error, task: taskId }, 'task left to the sweeper');
    }
  }

  async #run(task: TakenTask): Promise<void> {
    const handler = this.#handlers.get(task.job);
    if (handler === undefined) throw new Error(`no handler for ${task.job}: a newer version made this task`);
    const { definition } = handler;
    const stop = new AbortController();
    const log = new TaskLog(this.#options.database, task.id);
    this.#running.set(task.id, { task, stop });
    this.#heart ??= setInterval(() => void this.#beat(), (this.#options.heartbeatSeconds ?? 10) * 1000);
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(definition.timeoutSeconds * 1000)]);
    try {
      const context = {
        taskId: task.id,
        attempt: task.attempts,
        signal,
        log: (line: string) => log.add(line),
      };
      await handler.run(task.payload, context);
      await log.flush();
      await this.#tasks.succeed(task, this.#owner, definition);
    } catch (error) {
      log.add(describe(error));
      await log.flush();
      await this.#failed(task, definition, error, stop.signal);
    } finally {
      this.#forget(task.id);
    }
    const follower = await this.#tasks.findFollower(task);
    if (follower !== undefined) await this.#announce([follower]);
  }

  async #failed(task: TakenTask, definition: AnyJob, error: unknown, stop: AbortSignal): Promise<void> {
    if (stop.aborted) {
      if (isReason(stop, 'the task was stopped')) await this.#tasks.stopped(task, this.#owner);
      else await this.#tasks.release(task, this.#owner);
      return;
    }
    this.#options.log.warn({ error, task: task.id, job: task.job, attempt: task.attempts }, 'task failed');
    const again = await this.#tasks.fail(task, this.#owner, definition, describe(error));
    if (again === undefined) return;
    const { id, queue, attempts, seconds } = again;
    const wake = { queue: queueOf(queue), taskId: id, attempts, delayMilliseconds: seconds * 1000 };
    await this.#options.wakes.send([wake]);
  }

  async #beat(): Promise<void> {
    try {
      const alive = await this.#tasks.beat([...this.#running.keys()], this.#owner);
      const stops = new Map(alive.map(({ id, stop }) => [id, stop]));
      for (const [id, { stop }] of this.#running) {
        const asked = stops.get(id);
        if (asked === true) abort(stop, 'the task was stopped');
        else if (asked === undefined) abort(stop, 'the task was given to another worker');
      }
    } catch (error) {
      this.#options.log.warn({ error }, 'no heartbeat: the database does not answer');
    }
  }

  #forget(taskId: number): void {
    this.#running.delete(taskId);
    if (this.#running.size > 0) return;
    clearInterval(this.#heart);
    this.#heart = undefined;
  }

  async #announce(open: readonly OpenTask[]): Promise<void> {
    const wakes = open.map(({ id, queue, attempts }) => ({ queue: queueOf(queue), taskId: id, attempts }));
    await this.#options.wakes.send(wakes);
  }
}

function queueOf(text: string): QueueName {
  const name = queueNames.find((candidate) => candidate === text);
  if (name === undefined) throw new Error(`there is no queue ${text}`);
  return name;
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
