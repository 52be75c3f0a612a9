import { BatchLanes, type BatchPlan } from '@entrepot/database/batch-lanes';
import type { Database } from '@entrepot/database/database';
import { isRefusal } from '@entrepot/database/database-error';
import { AppError, isAppError } from '@entrepot/errors/app-error';

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
  #told: unknown;

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

  /**
   * `alone`: nothing was changed. `UNAVAILABLE` when the database does not answer, and nobody knows what it did;
   * `STORAGE_FULL` when its disk is full.
   */
  async change(key: Key): Promise<Answer | 'alone'> {
    try {
      return await this.#lanes.ask(key);
    } catch (error) {
      if (isAppError(error)) throw error;
      if (!isRefusal(error)) throw unknownOutcome(error);
      this.#tell(error);
      return 'alone';
    }
  }

  /** A statement that fails does so with one error, for each of its pushes. */
  #tell(error: unknown): void {
    if (error === this.#told) return;
    this.#told = error;
    this.#onFailure(error);
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await this.#lanes.close();
  }
}

function unknownOutcome(cause: unknown): AppError {
  return new AppError('UNAVAILABLE', 'what the database did is not known; push it again', {
    cause,
    retryAfter: 2,
  });
}
