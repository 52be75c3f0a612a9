const wholeBatch = 1024 * 1024;
const smallBatch = 64 * 1024;

/**
 * What all writers of a store hold in memory. One upload writes batches of 1 MiB, which is fastest; when many run
 * at once each writes sooner, so that 200 of them do not hold 400 MiB.
 */
export class GatherBudget {
  readonly #limit: number;
  #held = 0;

  /** `limit`: bytes above which batches get small. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that a writer gathers before it writes. */
  get batchBytes(): number {
    return this.#held > this.#limit ? smallBatch : wholeBatch;
  }

  hold(bytes: number): void {
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
