import { AsyncResource } from 'node:async_hooks';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';

const insert = statement(
  'task-log.insert',
  `INSERT INTO task_log (task_id, written_at, level, line)
   SELECT $1, l.at, 'info', l.line FROM unnest($2::timestamptz[], $3::text[]) l(at, line)`,
);

const flushMilliseconds = 500;
const longestLine = 4096;
const mostLines = 10_000;

/** The log of one task: lines are written while it runs, in batches, so that people can read along. */
export class TaskLog {
  readonly #database: Database;
  readonly #taskId: number;
  #lines: { at: Date; line: string }[] = [];
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  // the timer must not run in the transaction in which a line happens to be added: it has ended by then
  readonly #flushLater = AsyncResource.bind(() => void this.flush().catch(() => undefined));

  constructor(database: Database, taskId: number) {
    this.#database = database;
    this.#taskId = taskId;
  }

  /** Adds a line. Never waits; beyond 10,000 lines nothing more is kept. */
  add(line: string): void {
    if (++this.#count > mostLines) return;
    this.#lines.push({ at: new Date(), line: line.slice(0, longestLine) });
    this.#timer ??= setTimeout(this.#flushLater, flushMilliseconds);
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    if (lines.length === 0) return;
    this.#lines = [];
    await this.#database.run(insert, [
      this.#taskId,
      lines.map(({ at }) => at),
      lines.map(({ line }) => line),
    ]);
  }
}
