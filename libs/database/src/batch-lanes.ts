import { AppError } from '@entrepot/errors/app-error';
import pg from 'pg';
import { toPgConfig, type ConnectionOptions } from './connection-options.ts';
import { sqlState, translateDatabaseError } from './database-error.ts';

/** One statement that answers a batch of keys. */
export interface Batch<Answer> {
  /** The statement's name: it is prepared once a connection. */
  readonly name: string;
  readonly sql: string;
  readonly values: readonly unknown[];
  /** Puts the rows (arrays of columns) together into one answer a key, in the order of the keys. */
  read(rows: readonly (readonly unknown[])[]): Answer[];
}

/** What {@link BatchLanes} needs to know of the statements that answer many keys at once. */
export interface BatchPlan<Key, Answer> {
  prepare(keys: readonly Key[]): Batch<Answer>;
  /** What a key changes: two that name the same thing never go into one statement. */
  readonly claims?: (key: Key) => readonly string[];
  /** Told the number of keys of each statement, for the metrics. */
  observe?(keys: number): void;
}

interface Waiting<Key, Answer> {
  readonly key: Key;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane<Key, Answer> {
  client: pg.Client | undefined;
  /** What is in flight. */
  batch: readonly Waiting<Key, Answer>[] | undefined;
}

// many small loops over indexes, planned once, perhaps while the tables were empty: what serves large queries only
// costs here
const settings = [
  'plan_cache_mode=force_generic_plan',
  ...['memoize', 'bitmapscan', 'seqscan', 'hashjoin', 'mergejoin'].map((name) => `enable_${name}=off`),
  'jit=off',
];

// Those that were just answered ask again within these turns, a few microseconds each. Of 16 clients one turn brings 8
// into the next statement, three bring all.
const gatheringTurns = 3;
// Below this nobody waits for others: what came together by chance once need not do so again.
const fewestGathered = 4;

/** What may be chosen when {@link BatchLanes} are opened. */
export interface LaneOptions {
  /** Connections, each with one statement in flight; 2 unless set. */
  readonly lanes?: number;
  /** Keys of one statement at most; 256 unless set. */
  readonly maxKeys?: number;
  readonly timeoutMs?: number;
  /**
   * Milliseconds after which keys stop waiting for the statement in flight and take another lane; for ever unless set.
   */
  readonly patienceMs?: number;
  /**
   * Milliseconds that keys wait, while nothing is in flight, for as many as there were a moment ago. It pays where a
   * statement costs much and a key in it little. 0 unless set.
   */
  readonly gatherMs?: number;
  /** What the database shows of the connections; `entrepot lookup` unless set. */
  readonly application?: string;
  /** Milliseconds after which a statement that waits for somebody else's lock fails; for ever unless set. */
  readonly lockTimeoutMs?: number;
}

/**
 * One query in flight, all keys: each lane sends one statement at a time, and what arrives meanwhile goes into
 * the next one, never into the one in flight. So every answer is as fresh as the last change that was
 * acknowledged before it was asked for, by whichever process, and a lookup costs a share of one round trip.
 * Changes go the same way, and share a transaction and its flush; a failure is that of every key of the statement.
 */
export class BatchLanes<Key, Answer> {
  readonly #plan: BatchPlan<Key, Answer>;
  readonly #connection: ConnectionOptions;
  readonly #lanes: Lane<Key, Answer>[];
  readonly #maxKeys: number;
  readonly #timeoutMs: number;
  readonly #patienceMs: number | undefined;
  readonly #gatherMs: number;
  readonly #application: string;
  readonly #settings: string;
  #waiting: Waiting<Key, Answer>[] = [];
  #scheduled = false;
  #hurry: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;
  /** Keys that were in flight or waiting when the last statement ended. */
  #lately = 0;
  #closed = false;

  constructor(connection: ConnectionOptions, plan: BatchPlan<Key, Answer>, options: LaneOptions = {}) {
    this.#plan = plan;
    this.#connection = connection;
    this.#maxKeys = options.maxKeys ?? 256;
    this.#timeoutMs = options.timeoutMs ?? 15_000;
    this.#application = options.application ?? 'entrepot lookup';
    this.#settings = [...settings, `lock_timeout=${options.lockTimeoutMs ?? 0}`]
      .map((setting) => `-c ${setting}`)
      .join(' ');
    this.#patienceMs = options.patienceMs;
    this.#gatherMs = options.gatherMs ?? 0;
    this.#lanes = Array.from({ length: options.lanes ?? 2 }, () => ({ client: undefined, batch: undefined }));
  }

  /** The answer for one key. Rejects with `UNAVAILABLE` when the database does not answer, or after `close`. */
  ask(key: Key): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(stopping());
        return;
      }
      this.#waiting.push({ key, resolve, reject });
      this.#schedule();
    });
  }

  /** Ends the connections; waiting keys are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#hurry);
    clearTimeout(this.#gathering);
    for (const { reject } of this.#waiting.splice(0)) reject(stopping());
    const clients = this.#lanes.flatMap((lane) => lane.client ?? []);
    await Promise.allSettled(clients.map((client) => client.end()));
  }

  /** Sends once the sockets have been read that are readable in the next turns of the loop: larger batches cost less. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    let left = gatheringTurns;
    const turn = (): void => {
      if (--left > 0) {
        setImmediate(turn);
        return;
      }
      this.#scheduled = false;
      if (!this.#isGathering()) this.#dispatch();
    };
    setImmediate(turn);
  }

  /** Whether those that wait go on waiting for more, which somebody ends. */
  #isGathering(): boolean {
    if (this.#gatherMs === 0 || this.#lanes.some(({ batch }) => batch !== undefined)) return false;
    const expected = Math.min(this.#lately, this.#maxKeys);
    if (expected >= fewestGathered && this.#waiting.length < expected) {
      this.#gathering ??= setTimeout(() => this.#dispatch(), this.#gatherMs);
      return true;
    }
    return false;
  }

  /** `late`: the statement in flight takes so long that the next one does not wait for its end. */
  #dispatch(late = false): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    for (const lane of this.#lanes) {
      if (lane.batch !== undefined || this.#waiting.length === 0) continue;
      // A second lane only starts for a load that one statement cannot carry: two small ones cost more than one.
      const isOnly = this.#lanes.every((other) => other.batch === undefined);
      if (!isOnly && !late && this.#waiting.length < this.#maxKeys / 4) continue;
      const batch = this.#takeBatch();
      if (batch.length === 0) break;
      lane.batch = batch;
      void this.#send(lane, batch);
    }
    if (this.#waiting.length > 0) this.#losePatience();
  }

  #losePatience(): void {
    if (this.#patienceMs === undefined || this.#hurry !== undefined) return;
    this.#hurry = setTimeout(() => {
      this.#hurry = undefined;
      this.#dispatch(true);
    }, this.#patienceMs);
  }

  /** The first that wait, but for those that would change what another one changes already. */
  #takeBatch(): Waiting<Key, Answer>[] {
    if (this.#plan.claims === undefined) return this.#waiting.splice(0, this.#maxKeys);
    const { claims: claimsOf } = this.#plan;
    const claimed = new Set(
      this.#lanes.flatMap(({ batch }) => batch?.flatMap(({ key }) => claimsOf(key)) ?? []),
    );
    const batch: Waiting<Key, Answer>[] = [];
    const left: Waiting<Key, Answer>[] = [];
    for (const waiting of this.#waiting) {
      const claims = claimsOf(waiting.key);
      const mayGo = batch.length < this.#maxKeys && !claims.some((claim) => claimed.has(claim));
      (mayGo ? batch : left).push(waiting);
      // one that is left keeps its place before those that come after it
      for (const claim of claims) claimed.add(claim);
    }
    this.#waiting = left;
    return batch;
  }

  async #send(lane: Lane<Key, Answer>, batch: readonly Waiting<Key, Answer>[]): Promise<void> {
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
      lane.batch = undefined;
      this.#lately = batch.length + this.#waiting.length;
      clearTimeout(this.#hurry);
      this.#hurry = undefined;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }

  #leave(lane: Lane<Key, Answer>): void {
    const { client } = lane;
    lane.client = undefined;
    client?.end().catch(() => undefined);
  }

  async #connect(lane: Lane<Key, Answer>): Promise<pg.Client> {
    const client = new pg.Client({
      ...toPgConfig(this.#connection),
      application_name: this.#application,
      options: this.#settings,
      connectionTimeoutMillis: 5000,
      query_timeout: this.#timeoutMs,
    });
    const forget = () => {
      if (lane.client === client) lane.client = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    await client.connect();
    if (this.#closed) {
      await client.end();
      throw stopping();
    }
    lane.client = client;
    return client;
  }
}

function stopping(): AppError {
  return new AppError('UNAVAILABLE', 'the server is stopping; try again shortly');
}
