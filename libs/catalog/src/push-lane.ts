import { BatchLanes, type BatchPlan } from '@entrepot/database/batch-lanes';
import type { Database } from '@entrepot/database/database';
import { isAppError } from '@entrepot/errors/app-error';

/** Told when a statement for several pushes failed; none of them is lost by that. */
export type PushFailureListener = (error: unknown) => void;

/**
 * One kind of change, made for concurrent pushes in one statement and one flush. One is in flight, a second one when
 * it takes as long as a disk that flushes slowly. A failure says nothing of a single push, and a lock that somebody
 * holds for long shall not hold the others: then each goes alone.
 */
export class PushLane<Key, Answer> {
  readonly #lanes: BatchLanes<Key, Answer>;
  readonly #onFailure: PushFailureListener;

  constructor(database: Database, plan: BatchPlan<Key, Answer>, onFailure: PushFailureListener) {
    this.#onFailure = onFailure;
    this.#lanes = new BatchLanes(database.connection, plan, {
      lanes: 2,
      patienceMs: 4,
      gatherMs: 1,
      maxKeys: 32,
      lockTimeoutMs: 500,
      application: 'entrepot push',
    });
  }

  /** `alone`: nothing was changed. `UNAVAILABLE` when the database does not answer, and nobody knows what it did. */
  async change(key: Key): Promise<Answer | 'alone'> {
    try {
      return await this.#lanes.find(key);
    } catch (error) {
      if (isAppError(error, 'UNAVAILABLE')) throw error;
      this.#onFailure(error);
      return 'alone';
    }
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await this.#lanes.close();
  }
}
