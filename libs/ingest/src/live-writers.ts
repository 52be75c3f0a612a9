import type { BlobWriter } from '@entrepot/content-store/blob-writer';

/** A writer that stays open between the requests of one upload, with its running hash. */
export interface LiveWriter {
  readonly writer: BlobWriter;
  /** The lease under which it was last used: it may go on only when nobody else held one since. */
  readonly generation: number;
  /** The generation in the name of its staged bytes. */
  readonly storedAs: number;
  /** The generation whose bytes it took over, until they can go. */
  readonly replaces?: number | undefined;
}

const idle = 5 * 60_000;

/**
 * The writers that this process keeps open between requests, so that the usual upload (PATCH, then PUT) is hashed
 * while it arrives and never read again. Bounded: the one that has waited longest is closed, and its bytes are
 * read again if its client ever comes back.
 */
export class LiveWriters {
  readonly #limit: number;
  readonly #writers = new Map<string, LiveWriter & { readonly timer: NodeJS.Timeout }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many are open. */
  get size(): number {
    return this.#writers.size;
  }

  /** Takes the writer out, whoever asks. */
  take(uuid: string): LiveWriter | undefined {
    const found = this.#writers.get(uuid);
    if (found === undefined) return undefined;
    clearTimeout(found.timer);
    this.#writers.delete(uuid);
    return found;
  }

  /** Keeps a writer for the next request. */
  keep(uuid: string, live: LiveWriter): void {
    const timer = setTimeout(() => this.#close(uuid), idle);
    timer.unref();
    this.#writers.set(uuid, { ...live, timer });
    if (this.#writers.size > this.#limit) {
      const [oldest] = this.#writers.keys();
      if (oldest !== undefined) this.#close(oldest);
    }
  }

  /** Closes all: their bytes stay. */
  async closeAll(): Promise<void> {
    const all = [...this.#writers.keys()].flatMap((uuid) => this.take(uuid)?.writer ?? []);
    await Promise.allSettled(all.map((writer) => writer.close()));
  }

  #close(uuid: string): void {
    // the bytes are durable; a failure to close a descriptor changes nothing for anybody
    this.take(uuid)
      ?.writer.close()
      .catch(() => undefined);
  }
}
