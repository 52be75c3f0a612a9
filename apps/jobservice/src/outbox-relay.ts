import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { facts, type FactName } from '@entrepot/events/fact';
import { queueNames, type AnyJob } from '@entrepot/jobs/job';
import type { Wake, WakeQueue } from '@entrepot/jobs/wake-queue';
import type { Logger } from '@entrepot/telemetry/logger';

/** Facts that one transaction of the relay takes. */
export const relayBatch = 500;

interface RelayedRow {
  readonly taken: number;
  readonly tasks: readonly { readonly id: number; readonly queue: string }[];
}

// One relay at a time, whichever process: tasks of one key must come to be in the order of its facts. Facts that
// this version does not know wait for the one that wrote them.
const relay = statement<RelayedRow>(
  'outbox.relay',
  `WITH turn AS MATERIALIZED (
     SELECT pg_try_advisory_xact_lock(hashtext('outbox_relay')) AS ours
   ), taken AS MATERIALIZED (
     SELECT o.id, o.fact, o.version, o.key, o.payload, o.created_at FROM outbox o, turn
     WHERE turn.ours AND o.fact = ANY ($5::text[]) ORDER BY o.id LIMIT $1 FOR UPDATE OF o SKIP LOCKED
   ), gone AS (
     DELETE FROM outbox o USING taken t WHERE o.id = t.id
   ), marked AS (
     INSERT INTO mirror_mark (repository_id, item)
     SELECT DISTINCT (t.payload ->> 'repositoryId')::bigint, item
     FROM taken t CROSS JOIN LATERAL mirror_items(t.fact, t.payload) item WHERE is_mirrored() AND item IS NOT NULL
     ORDER BY 1, 2 ON CONFLICT (repository_id, item) DO UPDATE SET seq = excluded.seq
   ), made AS (
     INSERT INTO task (job, queue, key, payload)
     SELECT s.job, s.queue, CASE WHEN s.ordered THEN t.key END, jsonb_build_object('id', t.id, 'fact', t.fact,
       'version', t.version, 'key', t.key, 'payload', t.payload, 'happenedAt', t.created_at)
     FROM taken t JOIN unnest($2::text[], $3::text[], $4::text[], $6::boolean[]) s(fact, job, queue, ordered) ON s.fact = t.fact
     ORDER BY t.id RETURNING id, queue
   )
   SELECT (SELECT count(*) FROM taken)::int AS taken,
     coalesce((SELECT jsonb_agg(jsonb_build_object('id', id, 'queue', queue)) FROM made), '[]') AS tasks`,
);

/** What an {@link OutboxRelay} needs. */
export interface OutboxRelayOptions {
  readonly database: Database;
  readonly wakes: WakeQueue;
  readonly subscriptions: { readonly [Name in FactName]?: readonly AnyJob[] };
  readonly log: Logger;
}

/**
 * Turns facts into tasks: one row of the outbox into one task of each job that subscribed to it, and off the
 * outbox, in one transaction. So a fact is never lost and never doubled, wherever a process dies. What the link mirror
 * has to look at is marked in the same statement: it is told things, not facts, and a thing once.
 */
export class OutboxRelay {
  readonly #options: OutboxRelayOptions;
  readonly #parameters: readonly unknown[];
  #running: Promise<void> | undefined;
  #again = false;

  constructor(options: OutboxRelayOptions) {
    this.#options = options;
    const lines = Object.entries(options.subscriptions).flatMap(([fact, jobs]) =>
      jobs.map((job) => ({ fact, job })),
    );
    this.#parameters = [
      relayBatch,
      lines.map(({ fact }) => fact),
      lines.map(({ job }) => job.name),
      lines.map(({ job }) => job.queue),
      Object.keys(facts),
      lines.map(({ job }) => job.ordered),
    ];
  }

  /** Empties the outbox. Calls while it runs make it look once more. Never rejects. */
  async run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    await this.#running;
  }

  async #loop(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        while ((await this.#relayBatch()) === relayBatch);
      }
    } catch (error) {
      this.#options.log.warn({ error }, 'outbox not relayed; it is tried again in a second');
    }
  }

  async #relayBatch(): Promise<number> {
    const [row] = await this.#options.database.run(relay, this.#parameters);
    await this.#options.wakes.send((row?.tasks ?? []).flatMap(toWake));
    return row?.taken ?? 0;
  }
}

function toWake(task: { readonly id: number; readonly queue: string }): Wake[] {
  const queue = queueNames.find((candidate) => candidate === task.queue);
  return queue === undefined ? [] : [{ queue, taskId: task.id, attempts: 0 }];
}
