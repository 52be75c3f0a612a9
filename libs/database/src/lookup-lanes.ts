import pg from 'pg';
import { toPgConfig, type ConnectionOptions } from './connection-options.ts';
import { sqlState, translateDatabaseError } from './database-error.ts';

/** One statement that answers a batch of keys. */
export interface LookupBatch<Answer> {
  /** The statement's name: it is prepared once a connection. */
  readonly name: string;
  readonly sql: string;
  readonly values: readonly unknown[];
  /** Puts the rows (arrays of columns) together into one answer a key, in the order of the keys. */
  read(rows: readonly (readonly unknown[])[]): Answer[];
}

/** What {@link LookupLanes} needs to know of the statements that answer many keys at once. */
export interface LookupPlan<Key, Answer> {
  prepare(keys: readonly Key[]): LookupBatch<Answer>;
  /** Told the number of keys of each statement, for the metrics. */
  observe?(keys: number): void;
}

interface Waiting<Key, Answer> {
  readonly key: Key;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  client: pg.Client | undefined;
  busy: boolean;
}

/**
 * One query in flight, all keys: each lane sends one statement at a time, and what arrives meanwhile goes into
 * the next one, never into the one in flight. So every answer is as fresh as the last change that was
 * acknowledged before it was asked for, by whichever process, and a lookup costs a share of one round trip.
 */
export class LookupLanes<Key, Answer> {
  readonly #plan: LookupPlan<Key, Answer>;
  readonly #connection: ConnectionOptions;
  readonly #lanes: Lane[];
  readonly #maxKeys: number;
  readonly #timeoutMs: number;
  #waiting: Waiting<Key, Answer>[] = [];
  #scheduled = false;
  #closed = false;

  constructor(
    connection: ConnectionOptions,
    plan: LookupPlan<Key, Answer>,
    options: { lanes?: number; maxKeys?: number; timeoutMs?: number } = {},
  ) {
    this.#plan = plan;
    this.#connection = connection;
    this.#maxKeys = options.maxKeys ?? 256;
    this.#timeoutMs = options.timeoutMs ?? 15_000;
    this.#lanes = Array.from({ length: options.lanes ?? 2 }, () => ({ client: undefined, busy: false }));
  }

  /** The answer for one key. Rejects with `UNAVAILABLE` when the database does not answer. */
  find(key: Key): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject });
      this.#schedule();
    });
  }

  /** Ends the connections; waiting keys are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const clients = this.#lanes.flatMap((lane) => lane.client ?? []);
    await Promise.allSettled(clients.map((client) => client.end()));
  }

  /** Sends after the sockets that are readable in this turn of the loop have been read: larger batches cost less. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    // A second lane only starts for a load that one statement cannot carry: two small ones cost more than one.
    for (const [index, lane] of this.#lanes.entries()) {
      const enough = index === 0 || this.#waiting.length >= this.#maxKeys / 4;
      if (lane.busy || this.#waiting.length === 0 || !enough) continue;
      const batch = this.#waiting.splice(0, this.#maxKeys);
      lane.busy = true;
      void this.#send(lane, batch);
    }
  }

  async #send(lane: Lane, batch: readonly Waiting<Key, Answer>[]): Promise<void> {
    const keys = batch.map((waiting) => waiting.key);
    try {
      this.#plan.observe?.(keys.length);
      const client = lane.client ?? (await this.#connect(lane));
      const question = this.#plan.prepare(keys);
      const { name, sql, values } = question;
      const result = await client.query<unknown[]>({
        name,
        text: sql,
        values: [...values],
        rowMode: 'array',
      });
      const answers = question.read(result.rows);
      for (const [index, waiting] of batch.entries()) {
        const answer = answers[index];
        if (answer === undefined)
          throw new Error(`${name} answered ${answers.length} of ${batch.length} keys`);
        waiting.resolve(answer);
      }
    } catch (error) {
      // whatever the server did not say itself, a time-out above all, may leave a connection that hangs
      if (sqlState(error) === undefined) this.#leave(lane);
      const reason = translateDatabaseError(error);
      for (const waiting of batch) waiting.reject(reason);
    } finally {
      lane.busy = false;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }

  #leave(lane: Lane): void {
    const { client } = lane;
    lane.client = undefined;
    client?.end().catch(() => undefined);
  }

  async #connect(lane: Lane): Promise<pg.Client> {
    if (this.#closed) throw new Error('the lookups are closed');
    const client = new pg.Client({
      ...toPgConfig(this.#connection),
      application_name: 'entrepot lookup',
      // many small loops over indexes, planned once: what serves large queries only costs here
      options:
        '-c plan_cache_mode=force_generic_plan -c enable_memoize=off -c enable_bitmapscan=off -c jit=off',
      connectionTimeoutMillis: 5000,
      query_timeout: this.#timeoutMs,
    });
    const forget = () => {
      if (lane.client === client) lane.client = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    await client.connect();
    lane.client = client;
    return client;
  }
}
