import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';

/** Seconds after which a review is tried again whose object somebody else holds. */
export const busySeconds = 60;

// Lists of keys are loops over indexes, also under a plan made while the tables were small, and each batch is planned
// for its own size. Whoever holds a lock for long is not waited for: the batch comes again.
const prepare = statement(
  'collection.prepare',
  `SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true),
     set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
     set_config('lock_timeout', '1s', true)`,
);

/** Runs one batch of reviews in a transaction of its own. */
export async function reviewBatch<T>(database: Database, work: () => Promise<T>): Promise<T> {
  return await database.transaction(async () => {
    await database.run(prepare);
    return await work();
  });
}

/** The rows of each verdict. */
export class Verdicts<Row extends { readonly verdict: string }> {
  readonly #rows: readonly Row[];

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
  }

  /** Those of one of the verdicts. */
  of(...verdicts: readonly Row['verdict'][]): readonly Row[] {
    return this.#rows.filter(({ verdict }) => verdicts.includes(verdict));
  }
}
