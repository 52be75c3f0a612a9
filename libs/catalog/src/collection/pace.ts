const longestMs = 20;
const mostRows = 200;
const fewestRows = 25;

/** What {@link Pace} may be told. */
export interface PaceOptions {
  /** Share of the time that batches may take; the rest of it is left to others. 0.5 unless set. */
  readonly share?: number;
}

/**
 * How large batches are and how long to rest between them. A database that gets slower, because others need it, is
 * asked for less at a time and less often.
 */
export class Pace {
  readonly #share: number;
  #rows = mostRows / 4;

  constructor({ share = 0.5 }: PaceOptions = {}) {
    this.#share = share;
  }

  /** Rows of the next batch. */
  get rows(): number {
    return this.#rows;
  }

  /** Learns from a batch of so many rows. Returns the milliseconds to rest. */
  learn(rows: number, milliseconds: number): number {
    if (milliseconds > longestMs) this.#rows = Math.max(fewestRows, Math.floor(this.#rows / 2));
    else if (rows === this.#rows && milliseconds < longestMs / 2) {
      this.#rows = Math.min(mostRows, Math.ceil(this.#rows * 1.25));
    }
    return milliseconds * (1 / this.#share - 1);
  }
}
