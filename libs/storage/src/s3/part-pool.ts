const lookEveryMs = 500;
const keepMs = 10_000;

/** Memory for a part, lent by the pool until `release`. */
export class PartLoan {
  readonly bytes: Buffer;
  readonly #pool: PartPool;

  constructor(pool: PartPool, bytes: Buffer) {
    this.#pool = pool;
    this.bytes = bytes;
  }

  /**
   * Says that it may go once others want it and `afterMs` have passed: `giveBack` is called then, once, and releases
   * it soon.
   */
  offer(giveBack: () => void, afterMs: number): void {
    this.#pool.offer(this, { giveBack, from: Date.now() + afterMs });
  }

  /** Takes the offer back. */
  retract(): void {
    this.#pool.retract(this);
  }

  /** Gives the memory back. Idempotent. */
  release(): void {
    this.#pool.release(this);
  }
}

interface Waiting {
  readonly size: number;
  readonly lend: (loan: PartLoan) => void;
}

interface Offer {
  readonly giveBack: () => void;
  readonly from: number;
}

/**
 * The memory that all appenders of a process fill parts in: bounded, first come first served. Who waits reads nothing
 * from its client meanwhile. Nobody waits for memory while holding some of it, so that none waits forever; and who
 * holds it without bytes coming in gives it up to those who wait.
 */
export class PartPool {
  readonly #limit: number;
  readonly #recycled: number;
  #lent = new Set<PartLoan>();
  #lentBytes = 0;
  #free: Buffer[] = [];
  #waiting: Waiting[] = [];
  readonly #offers = new Map<PartLoan, Offer>();
  #timer: NodeJS.Timeout | undefined;

  /** `limit`: bytes lent at once, or one loan that is larger. `recycled`: the size of a loan whose memory is kept. */
  constructor(limit: number, recycled: number) {
    this.#limit = limit;
    this.#recycled = recycled;
  }

  /** Bytes that are lent. */
  get lentBytes(): number {
    return this.#lentBytes;
  }

  /** Memory of `size` bytes, once there is room for it. */
  take(size: number): Promise<PartLoan> {
    return new Promise((lend) => {
      this.#waiting.push({ size, lend });
      this.#serve();
    });
  }

  /** Memory of `size` bytes when there is room for it at this moment, and nobody waits. */
  tryTake(size: number): PartLoan | undefined {
    return this.#waiting.length === 0 && this.#hasRoom(size) ? this.#lend(size) : undefined;
  }

  offer(loan: PartLoan, offer: Offer): void {
    if (!this.#lent.has(loan)) return;
    this.#offers.set(loan, offer);
    if (this.#waiting.length > 0) this.#reclaim();
  }

  retract(loan: PartLoan): void {
    this.#offers.delete(loan);
  }

  release(loan: PartLoan): void {
    if (!this.#lent.delete(loan)) return;
    this.#offers.delete(loan);
    this.#lentBytes -= loan.bytes.length;
    // memory of another size is left to the collector: a request that was refused early may still be sending it
    if (loan.bytes.length === this.#recycled) this.#free.push(loan.bytes);
    this.#serve();
  }

  #serve(): void {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      if (!this.#hasRoom(next.size)) break;
      this.#waiting.shift();
      next.lend(this.#lend(next.size));
    }
    if (this.#waiting.length > 0) this.#reclaim();
    else this.#rest();
  }

  #hasRoom(size: number): boolean {
    return this.#lentBytes === 0 || this.#lentBytes + size <= this.#limit;
  }

  #lend(size: number): PartLoan {
    const kept = size === this.#recycled ? this.#free.pop() : undefined;
    while (
      this.#lentBytes + size + this.#free.length * this.#recycled > this.#limit &&
      this.#free.length > 0
    ) {
      this.#free.pop();
    }
    const loan = new PartLoan(this, kept ?? Buffer.allocUnsafeSlow(size));
    this.#lent.add(loan);
    this.#lentBytes += size;
    return loan;
  }

  #reclaim(): void {
    const now = Date.now();
    for (const [loan, { giveBack, from }] of this.#offers) {
      if (this.#waiting.length === 0) return;
      if (from > now) continue;
      this.#offers.delete(loan);
      giveBack();
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#serve(), lookEveryMs);
    this.#timer.unref();
  }

  /** Nobody waits: what nobody has used for a while goes back to the system. */
  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#lentBytes > 0 || this.#free.length === 0) return;
    this.#timer = setTimeout(() => {
      this.#free = [];
    }, keepMs);
    this.#timer.unref();
  }
}
