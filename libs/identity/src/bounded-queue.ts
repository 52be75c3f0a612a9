import { AppError } from '@entrepot/errors/app-error';

/** Limits of a {@link BoundedQueue}. */
export interface BoundedQueueLimits {
  /** Tasks that run at once. */
  readonly running: number;
  /** Tasks that may wait beside them. */
  readonly waiting: number;
}

/**
 * Runs expensive tasks a few at a time, first come first served. When the line is full, a further one is
 * refused at once with `UNAVAILABLE`: a flood of log-ins must not become a pile of memory, nor make those that
 * are in line wait for minutes.
 */
export class BoundedQueue {
  readonly #limits: BoundedQueueLimits;
  readonly #line: (() => void)[] = [];
  #running = 0;

  constructor(limits: BoundedQueueLimits) {
    this.#limits = limits;
  }

  /** Runs `task` as soon as it is its turn. Rejects with `UNAVAILABLE` when the line is full. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#limits.running) this.#running++;
    else await this.#waitForTurn();
    try {
      return await task();
    } finally {
      // the place is handed on rather than freed, so nobody can slip in between
      const next = this.#line.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  async #waitForTurn(): Promise<void> {
    if (this.#line.length >= this.#limits.waiting) {
      throw new AppError(
        'UNAVAILABLE',
        'too many passwords are being checked at this moment; try again shortly',
        {
          retryAfter: 2,
        },
      );
    }
    await new Promise<void>((resolve) => this.#line.push(resolve));
  }
}
