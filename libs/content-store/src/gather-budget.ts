const wholeBatch = 1024 * 1024;
const smallBatch = 64 * 1024;

/**
 * What all writers of a store hold in memory. One upload writes batches of 1 MiB, which is fastest; when many run
 * at once each writes sooner, so that 200 of them do not hold 400 MiB.
 */
export class GatherBudget {
  readonly #limit: number;
  readonly #batch: number;
  #held = 0;

  /** `limit`: bytes above which batches get small. `batch`: bytes of the others, when the storage wants fewer. */
  constructor(limit: number, batch = wholeBatch) {
    this.#limit = limit;
    this.#batch = batch;
  }

  /** Bytes that a writer gathers before it writes. */
  get batchBytes(): number {
    return this.#held > this.#limit ? smallBatch : this.#batch;
  }

  hold(bytes: number): void {
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
