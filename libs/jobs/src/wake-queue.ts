import {
  createPostgresBackend,
  Queue,
  withBackend,
  Worker,
  type BulkJobOptions,
  type PostgresPoolConfig,
  type Processor,
} from 'bullmq';
import type { ConnectionOptions } from '@entrepot/database/connection-options';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Cluster, Redis } from 'ioredis';
import { queueNames, type QueueName } from './job.ts';
import { awaitRedis, connectRedis, translateRedisError, type RedisUse } from './redis-connection.ts';

/** Where queues live: beside the data in PostgreSQL (embedded), or in Redis (services). */
export type QueueConnection =
  | { readonly kind: 'postgres'; readonly connection: ConnectionOptions }
  /** `url` as redis-url.ts reads it. */
  | { readonly kind: 'redis'; readonly url: string };

/** One message: a task that can be done. */
export interface Wake {
  readonly queue: QueueName;
  readonly taskId: number;
  /** Attempts before this one: a message for each, at most. */
  readonly attempts: number;
  readonly delayMilliseconds?: number;
}

/** The schema that BullMQ's tables have for themselves. */
export const queueSchema = 'queue';

interface Message {
  readonly name: string;
  readonly data: WakePayload;
  readonly opts: BulkJobOptions;
}

interface WakePayload {
  readonly taskId: number;
}

// what the classes of both back ends have in common, as far as it is used here
interface Producer {
  addBulk(messages: Message[]): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}
type Consumer = Omit<Producer, 'addBulk'>;

// Nothing waits for these connections, and most of the time nobody uses them.
const producerPool = { max: 1, idleTimeoutMillis: 10_000 };
const workerPool = { max: 2, idleTimeoutMillis: 10_000 };

// in braces, so that a Cluster keeps all keys of the queues in one place: scripts use several of them
const inRedis = { prefix: '{entrepot}' };
const whatBecomes = { attempts: 1, removeOnComplete: true, removeOnFail: true };
// a message is only a way to wake a worker: who does the task is decided by its row
const patience = { stalledInterval: 60_000, drainDelay: 300, maxStalledCount: 3 };

/**
 * BullMQ, as far as we need it: messages that carry the id of a task and wake a worker. What it loses is found
 * again by the sweeper, so it may be emptied at any time.
 */
export class WakeQueue {
  readonly #connection: QueueConnection;
  readonly #log: Logger;
  readonly #queues = new Map<QueueName, Producer>();
  readonly #workers: Consumer[] = [];
  readonly #redis = new Map<RedisUse, Redis | Cluster>();
  #closing = false;

  constructor(connection: QueueConnection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
  }

  /**
   * Sends messages. One for a task and attempt that is still on its way is not sent twice. `UNAVAILABLE` when Redis
   * is away.
   */
  async send(wakes: readonly Wake[]): Promise<void> {
    if (wakes.length === 0) return;
    if (this.#connection.kind === 'redis') await awaitRedis(this.#inRedis(this.#connection.url, 'asking'));
    for (const name of queueNames) {
      const messages = wakes.filter(({ queue }) => queue === name).map(toMessage);
      if (messages.length > 0) await this.#add(name, messages);
    }
  }

  async #add(name: QueueName, messages: Message[]): Promise<void> {
    try {
      await this.#queue(name).addBulk(messages);
    } catch (error) {
      throw this.#connection.kind === 'redis' ? translateRedisError(error) : error;
    }
  }

  /** Calls `work` with the task of each message, at most `concurrency` at a time. It must not reject. */
  receive(name: QueueName, concurrency: number, work: (taskId: number) => Promise<void>): void {
    const worker = this.#makeWorker(name, concurrency, async (message) => work(message.data.taskId));
    worker.on('error', this.#complain);
    this.#workers.push(worker);
  }

  /** Takes no further messages, waits for those that are worked on, and ends the connections. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#workers.map((worker) => worker.close()));
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    for (const connection of this.#redis.values()) connection.disconnect();
  }

  #inRedis(url: string, use: RedisUse): Redis | Cluster {
    let connection = this.#redis.get(use);
    if (connection === undefined) {
      connection = connectRedis(url, use);
      this.#redis.set(use, connection);
    }
    return connection;
  }

  #queue(name: QueueName): Producer {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = this.#makeQueue(name);
      queue.on('error', this.#complain);
      this.#queues.set(name, queue);
    }
    return queue;
  }

  #makeQueue(name: QueueName): Producer {
    const where = this.#connection;
    if (where.kind === 'redis')
      return new Queue<WakePayload>(name, { ...inRedis, connection: this.#inRedis(where.url, 'asking') });
    const postgres = withBackend(createPostgresBackend);
    return new postgres.Queue<WakePayload>(name, { connection: inPostgres(where.connection, producerPool) });
  }

  #makeWorker(name: QueueName, concurrency: number, process: Processor<WakePayload>): Consumer {
    const where = this.#connection;
    const options = { ...patience, concurrency };
    if (where.kind === 'redis') {
      const connection = this.#inRedis(where.url, 'waiting');
      return new Worker<WakePayload>(name, process, { ...options, ...inRedis, connection });
    }
    const postgres = withBackend(createPostgresBackend);
    const connection = inPostgres(where.connection, workerPool);
    return new postgres.Worker<WakePayload>(name, process, { ...options, connection });
  }

  readonly #complain = (error: unknown): void => {
    // connections that BullMQ leaves to end by themselves are cut off when the database stops: nothing is lost
    if (this.#closing) return;
    const message = error instanceof Error ? error.message : String(error);
    this.#log.warn({ reason: message }, 'the job queue complains; the sweeper finds what it loses');
  };
}

function toMessage({ taskId, attempts, delayMilliseconds = 0 }: Wake): Message {
  const opts = { ...whatBecomes, jobId: `task-${taskId}-${attempts}`, delay: delayMilliseconds };
  return { name: 'wake', data: { taskId }, opts };
}

function inPostgres(connection: ConnectionOptions, pool: PostgresPoolConfig): PostgresPoolConfig {
  const where = 'url' in connection ? { connectionString: connection.url } : connection;
  return { ...where, ...pool, schema: queueSchema, application_name: 'entrepot queue' };
}

/** Brings BullMQ's own tables, in their own schema, to this version. Only the migrate command calls it. */
export async function migrateQueues(connection: ConnectionOptions): Promise<void> {
  const postgres = withBackend(createPostgresBackend);
  const queue = new postgres.Queue('maintenance', {
    connection: inPostgres(connection, { max: 1, migrate: true }),
  });
  queue.on('error', () => undefined);
  try {
    await queue.waitUntilReady();
  } finally {
    await queue.close();
  }
}
