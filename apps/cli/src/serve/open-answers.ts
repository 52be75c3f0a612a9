import type { ServerResponse } from 'node:http';

/**
 * The answers that are on their way, by slots that are used again. A Set would leave a chain of its old tables behind,
 * each keeping the answers of its time until the next full collection: a fifth of the CPU of small requests.
 */
export class OpenAnswers {
  readonly #slots: (ServerResponse | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#slots.length - this.#free.length;
  }

  /** Keeps `res` until it is closed. */
  add(res: ServerResponse): void {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = res;
    res.once('close', () => {
      this.#slots[slot] = undefined;
      this.#free.push(slot);
    });
  }

  /** Those that are open now. */
  list(): ServerResponse[] {
    return this.#slots.filter((res) => res !== undefined);
  }
}
