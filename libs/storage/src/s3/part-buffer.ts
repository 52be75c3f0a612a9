import type { PartLoan, PartPool } from './part-pool.ts';

const small = 32 * 1024;

/**
 * The bytes of an appender below a part. The first 32 KiB are its own, which is all that many blobs need; what goes
 * beyond is lent by the pool.
 */
export class PartBuffer {
  readonly #pool: PartPool;
  #memory: Buffer = Buffer.alloc(0);
  #loan: PartLoan | undefined;
  #length = 0;
  #capacity: number;

  constructor(pool: PartPool, capacity: number) {
    this.#pool = pool;
    this.#capacity = capacity;
  }

  /** Bytes that it may hold. */
  get capacity(): number {
    return this.#capacity;
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length === this.#capacity;
  }

  /** The memory of the pool that it holds. */
  get loan(): PartLoan | undefined {
    return this.#loan;
  }

  /** What it holds; good until the next call. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  /** Takes bytes of `chunk` from `from` on, as many as fit, once there is memory for them; returns how many. */
  async fill(chunk: Buffer, from: number): Promise<number> {
    if (this.#length === this.#memory.length) await this.#grow();
    const taken = chunk.copy(this.#memory, this.#length, from);
    this.#length += taken;
    return taken;
  }

  /** Makes room for `capacity` bytes when the pool has memory for that at this moment. */
  widen(capacity: number): boolean {
    const loan = this.#pool.tryTake(capacity);
    if (loan === undefined) return false;
    this.#capacity = capacity;
    this.#moveTo(loan);
    return true;
  }

  /** Hands the memory over with what it holds, and is empty. */
  handOver(): { readonly bytes: Buffer; readonly loan: PartLoan | undefined } {
    const held = { bytes: this.bytes, loan: this.#loan };
    this.#loan = undefined;
    this.#memory = Buffer.alloc(0);
    this.#length = 0;
    return held;
  }

  /** Forgets what it holds and gives the memory back. */
  drop(): void {
    this.handOver().loan?.release();
  }

  async #grow(): Promise<void> {
    if (this.#memory.length === 0) {
      this.#memory = Buffer.allocUnsafeSlow(Math.min(small, this.#capacity));
      return;
    }
    this.#moveTo(await this.#pool.take(this.#capacity));
  }

  #moveTo(loan: PartLoan): void {
    this.bytes.copy(loan.bytes);
    this.#loan?.release();
    this.#loan = loan;
    this.#memory = loan.bytes;
  }
}
