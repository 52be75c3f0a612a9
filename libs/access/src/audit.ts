import { AsyncResource } from 'node:async_hooks';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import type { Logger } from '@entrepot/telemetry/logger';

/** Who did something, by which request. */
export interface AuditActor {
  /** A user's or robot's name, `system`, or empty for an anonymous caller. */
  readonly actor: string;
  readonly actorKind: 'user' | 'robot' | 'anonymous' | 'system';
  readonly requestId?: string | undefined;
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** One line of the record. */
export interface AuditEntry {
  /** A verb: create, update, delete, login, pull, … */
  readonly operation: string;
  /** A noun of the product: project, member, robot, user, … */
  readonly resourceType: string;
  /** The thing's name. No secrets. */
  readonly resource: string;
  readonly projectId?: number | undefined;
  /** What changed; small. No secrets. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
}

const columns = `actor, actor_kind, address, user_agent, request_id, operation, resource_type, resource, project_id,
  succeeded, detail`;

const insert = statement(
  'audit.insert',
  `INSERT INTO audit_log (happened_at, ${columns})
   SELECT coalesce(happened_at, now()), ${columns} FROM jsonb_to_recordset($1::jsonb) AS entry(
     happened_at timestamptz, actor text, actor_kind text, address text, user_agent text, request_id text,
     operation text, resource_type text, resource text, project_id bigint, succeeded boolean, detail jsonb)`,
);

/** Records a change in the running transaction: it stands in the record exactly if it happened. */
export async function recordAudit(database: Database, actor: AuditActor, entry: AuditEntry): Promise<void> {
  await database.run(insert, [JSON.stringify([toRow(actor, entry, true)])]);
}

/** What a {@link DenialRecord} needs. */
export interface DenialRecordOptions {
  readonly database: Database;
  readonly log: Logger;
  /** Refusals that may wait to be written; default 2,000. */
  readonly capacity?: number;
  /** Told how many found the buffer full. */
  readonly onDropped?: (count: number) => void;
}

const flushMilliseconds = 2_000;
const batchSize = 500;

/**
 * Records refusals without making those who are refused wait, nor letting them fill the memory: a bounded buffer
 * that is written in batches. What finds it full is counted, and the count is recorded too.
 */
export class DenialRecord {
  readonly #options: DenialRecordOptions;
  readonly #capacity: number;
  #waiting: ReturnType<typeof toRow>[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  // the timer must not run in the transaction in which a refusal happens to be added: it has ended by then
  readonly #flushLater = AsyncResource.bind(() => void this.flush());

  constructor(options: DenialRecordOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? 2_000;
  }

  /** Takes note of a refusal. Never waits, never throws. */
  add(actor: AuditActor, entry: AuditEntry): void {
    if (this.#waiting.length >= this.#capacity) {
      this.#dropped++;
      this.#options.onDropped?.(1);
    } else {
      this.#waiting.push({ ...toRow(actor, entry, false), happened_at: new Date().toISOString() });
    }
    this.#timer ??= setTimeout(this.#flushLater, flushMilliseconds).unref();
  }

  /** Writes what waits. Called by the timer, and once more when the process stops. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchSize);
      const dropped = this.#dropped;
      this.#dropped = 0;
      if (dropped > 0) batch.push(lossRow(dropped));
      try {
        await this.#options.database.run(insert, [JSON.stringify(batch)]);
      } catch (error) {
        this.#options.onDropped?.(batch.length);
        this.#options.log.warn({ error, count: batch.length }, 'refusals could not be recorded');
      }
    }
  }
}

function lossRow(count: number): ReturnType<typeof toRow> {
  const entry = { operation: 'drop', resourceType: 'audit_log', resource: 'refusals', detail: { count } };
  return toRow({ actor: 'system', actorKind: 'system' }, entry, true);
}

function toRow(actor: AuditActor, entry: AuditEntry, succeeded: boolean): Record<string, unknown> {
  return {
    actor: actor.actor,
    actor_kind: actor.actorKind,
    address: actor.address,
    user_agent: actor.userAgent?.slice(0, 512),
    request_id: actor.requestId,
    operation: entry.operation,
    resource_type: entry.resourceType,
    resource: entry.resource.slice(0, 1024),
    project_id: entry.projectId,
    succeeded,
    detail: entry.detail,
  };
}
