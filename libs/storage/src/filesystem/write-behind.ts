import { syncData } from './file-io.ts';

/** Bytes after which a sync begins: enough that a disk's flushes do not slow it down. */
const strideBytes = 32 * 1024 * 1024;

/** Syncs of all files at once: each holds a thread of the pool, which has four where nobody asked for more. */
const mostRunning = 2;
let running = 0;

/**
 * Sends a long file to the disk while it is still coming in. Without it the kernel keeps everything until the last
 * sync, and the disk idles while bytes arrive.
 */
export class WriteBehind {
  #waitingBytes = 0;
  /** Whether all that was written is durable; a file that was only made is not. */
  #isDurable = false;
  #inFlight: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /**
   * Says that `bytes` more were written to `descriptor`, which must stay open until {@link WriteBehind.settle} has
   * resolved. Throws what an earlier sync met: the kernel tells it once, so no later sync may be trusted.
   */
  wrote(descriptor: number, bytes: number): void {
    this.#throwFailure();
    this.#isDurable = false;
    this.#waitingBytes += bytes;
    const isDue = this.#waitingBytes >= strideBytes && this.#inFlight === undefined;
    if (!isDue || running >= mostRunning) return;
    this.#waitingBytes = 0;
    this.#inFlight = this.#sync(descriptor);
  }

  /**
   * Makes what was written durable, with what an earlier sync left; costs nothing when it is. Throws what this or an
   * earlier one met.
   */
  async finish(descriptor: number): Promise<void> {
    await this.settle();
    this.#throwFailure();
    if (this.#isDurable) return;
    // before the sync: what is written while it runs is not in it
    this.#isDurable = true;
    this.#waitingBytes = 0;
    try {
      await syncData(descriptor);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** Resolves when no sync runs. Never rejects. */
  async settle(): Promise<void> {
    await this.#inFlight;
  }

  async #sync(descriptor: number): Promise<void> {
    running += 1;
    try {
      await syncData(descriptor);
    } catch (error) {
      this.#failure = { error };
    } finally {
      running -= 1;
      this.#inFlight = undefined;
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
