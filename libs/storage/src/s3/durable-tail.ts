import type { ChunkConsumer } from '../driver.ts';
import { leftoverKey } from './leftovers.ts';
import { readObject } from './object-reader.ts';
import type { S3Connection } from './s3-connection.ts';

/** The bytes of an appender below a part, as an object. */
export interface TailObject {
  readonly key: string;
  readonly size: number;
}

/**
 * The bytes below a part, made durable as objects of their own: each under a new name, so that one that a remembered
 * state names is never written to. Such a one goes only with the flush after the next one, which comes when that state
 * has been remembered.
 */
export class DurableTail {
  readonly #connection: S3Connection;
  readonly #appender: string;
  #count = 0;
  #current: TailObject | undefined;
  /** What the last state that was handed out names. */
  #named: TailObject | undefined;
  #stale: string[] = [];

  constructor(connection: S3Connection, appender: string) {
    this.#connection = connection;
    this.#appender = appender;
  }

  /** The object that holds all bytes below a part; `undefined` when none does. */
  get current(): TailObject | undefined {
    return this.#current;
  }

  /** Makes `bytes` durable, all of those below a part. */
  async save(bytes: Buffer): Promise<TailObject> {
    this.#count += 1;
    const key = leftoverKey(this.#appender, `tail-${this.#count}`);
    await this.#connection.bucket.put(key, bytes);
    this.outgrow();
    this.#current = { key, size: bytes.length };
    return this.#current;
  }

  /** The bytes have gone into a part, or have grown: the object holds them no more. */
  outgrow(): void {
    if (this.#current !== undefined && this.#current !== this.#named) this.#stale.push(this.#current.key);
    this.#current = undefined;
  }

  /** Notes that a state names the current object from now on, and removes what none names any more. */
  async remember(): Promise<void> {
    const before = this.#named;
    this.#named = this.#current;
    await this.#sweep();
    if (before !== undefined && before !== this.#current) this.#stale.push(before.key);
  }

  /** Hands the bytes of the current object to `consume`. */
  async read(consume: ChunkConsumer): Promise<void> {
    if (this.#current === undefined) return;
    await readObject(this.#connection.bucket, this.#current.key, undefined, consume);
  }

  /** The keys of all objects that are left. */
  get keys(): string[] {
    const used = [this.#current?.key, this.#named?.key].filter((key) => key !== undefined);
    return [...new Set([...used, ...this.#stale])];
  }

  async #sweep(): Promise<void> {
    const stale = this.#stale;
    this.#stale = [];
    try {
      await this.#connection.bucket.remove(stale, this.#connection.capabilities);
    } catch {
      // what is left in the way of nobody goes with the next ones, or with the appender
      this.#stale.push(...stale);
    }
  }
}
