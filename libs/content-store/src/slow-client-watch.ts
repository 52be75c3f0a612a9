const looksPerIdle = 4;
const rateWindowMs = 60_000;

/** How slow a client may be. */
export interface SlowClientLimits {
  /** Milliseconds without a byte after which the client is given up. */
  readonly idleMs: number;
  /** The least that a client must send, averaged over a minute. */
  readonly minBytesPerSecond: number;
}

/**
 * Gives up a client that sends nothing, or next to nothing. Time that we keep it waiting does not count. Whoever
 * receives a body calls {@link SlowClientWatch.look} every `everyMs`.
 */
export class SlowClientWatch {
  readonly #limits: SlowClientLimits;
  readonly #looksPerWindow: number;
  #idleLooks = 0;
  #windowLooks = 0;
  #lastSeen = 0;
  #windowStart = 0;

  constructor(limits: SlowClientLimits) {
    this.#limits = limits;
    this.#looksPerWindow = Math.max(1, Math.round(rateWindowMs / this.everyMs));
  }

  /** Milliseconds from one look to the next. */
  get everyMs(): number {
    return this.#limits.idleMs / looksPerIdle;
  }

  /** Why the client is given up, if it is. `received`: bytes so far; `waitsForUs`: we asked it to wait. */
  look(received: number, waitsForUs: boolean): string | undefined {
    const isIdle = received === this.#lastSeen && !waitsForUs;
    this.#idleLooks = isIdle ? this.#idleLooks + 1 : 0;
    this.#lastSeen = received;
    if (this.#idleLooks >= looksPerIdle) return `sent nothing for ${this.#limits.idleMs / 1000} s`;
    this.#windowLooks = waitsForUs ? 0 : this.#windowLooks + 1;
    if (this.#windowLooks === 0) this.#windowStart = received;
    if (this.#windowLooks < this.#looksPerWindow) return undefined;
    const bytes = received - this.#windowStart;
    this.#windowLooks = 0;
    this.#windowStart = received;
    const least = (this.#limits.minBytesPerSecond * rateWindowMs) / 1000;
    return bytes < least ? `sent ${bytes} bytes in a minute, less than ${least}` : undefined;
  }
}
