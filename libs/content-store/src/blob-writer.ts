import { createHash, type Hash } from 'node:crypto';
import { AppError } from '@entrepot/errors/app-error';
import { digestAlgorithm, digestOfHash, type Digest, type DigestAlgorithm } from '@entrepot/oci/digest';
import type { Appender, AppenderState, PublishResult } from '@entrepot/storage/driver';
import { freeChunk } from '@entrepot/storage/free-chunk';
import type { GatherBudget } from './gather-budget.ts';
import { blobKey } from './layout.ts';

const mostChunks = 1024;

/** A durable point of an upload: what `resumeUpload` takes, beside the generation that wrote it. */
export interface FlushedUpload {
  readonly state: AppenderState;
  /** Bytes that are durable. */
  readonly size: number;
}

/** What a writer is made of; `hash` has seen the bytes that `appender` has. */
export interface BlobWriterParts {
  readonly appender: Appender;
  readonly algorithm: DigestAlgorithm;
  readonly hash: Hash;
  readonly budget: GatherBudget;
}

/**
 * The one writer of an upload's bytes, which are hashed in the same pass. Chunks are gathered, not copied, and
 * written in batches, at most one in flight. Methods other than `write` do not overlap.
 *
 * A failure of the storage (AppError `STORAGE_FULL`, `STORAGE_FAILED`) is thrown by the call that meets it and by
 * every later one; then only `discard` and `close` may be called.
 */
export class BlobWriter {
  readonly algorithm: DigestAlgorithm;
  readonly #appender: Appender;
  readonly #hash: Hash;
  readonly #budget: GatherBudget;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #inFlight: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #size: number;
  #known: Digest | undefined;

  constructor(parts: BlobWriterParts) {
    this.algorithm = parts.algorithm;
    this.#appender = parts.appender;
    this.#hash = parts.hash;
    this.#budget = parts.budget;
    this.#size = parts.appender.size;
  }

  /** Bytes taken so far, durable or not. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a chunk, which is the writer's from now on: its memory is given back once it is stored. A promise means: hand over nothing more until it resolves.
   */
  write(chunk: Buffer): Promise<void> | undefined {
    this.#throwFailure();
    this.#hash.update(chunk);
    this.#known = undefined;
    this.#size += chunk.length;
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    this.#budget.hold(chunk.length);
    if (this.#gatheredBytes < this.#budget.batchBytes && this.#gathered.length < mostChunks) return undefined;
    return this.#sendOrWait();
  }

  /** Hands everything that was taken to the storage, which may still be full. It need not be durable yet. */
  async drain(): Promise<void> {
    this.#throwFailure();
    while (this.#inFlight !== undefined || this.#gatheredBytes > 0) {
      this.#inFlight ??= this.#send();
      await this.#inFlight;
      this.#throwFailure();
    }
  }

  /** Makes every byte that was taken durable. */
  async flush(): Promise<FlushedUpload> {
    await this.drain();
    const state = await this.#guard(this.#appender.flush());
    return { state, size: this.#size };
  }

  /**
   * The digest of the bytes so far. Of the writer's own algorithm it is known; for another one the bytes are read
   * once more.
   */
  async digest(algorithm: DigestAlgorithm): Promise<Digest> {
    if (this.#known !== undefined && digestAlgorithm(this.#known) === algorithm) return this.#known;
    this.#known = digestOfHash(algorithm, await this.#hexOf(algorithm));
    return this.#known;
  }

  /**
   * Makes the bytes the blob `digest`, durably; the writer has ended. A blob that is there is left alone, unless
   * `replace` says that it is damaged.
   *
   * @throws AppError `DIGEST_INVALID` when the bytes are not that blob; the writer goes on.
   */
  async publish(digest: Digest, options: { readonly replace?: boolean } = {}): Promise<PublishResult> {
    const actual = await this.digest(digestAlgorithm(digest));
    if (actual !== digest) {
      throw new AppError(
        'DIGEST_INVALID',
        `the bytes that arrived are ${actual}, not ${digest}: send them again`,
      );
    }
    await this.drain();
    return this.#guard(this.#appender.publish(blobKey(digest), options));
  }

  /** Forgets the bytes. Idempotent. */
  async discard(): Promise<void> {
    await this.#settle();
    await this.#appender.discard();
  }

  /** Lets go of descriptors and of what was gathered since the last flush; what was flushed can be resumed. */
  async close(): Promise<void> {
    await this.#settle();
    await this.#appender.close();
  }

  async #hexOf(algorithm: DigestAlgorithm): Promise<string> {
    if (algorithm === this.algorithm) return this.#hash.copy().digest('hex');
    await this.drain();
    const hash = createHash(algorithm);
    await this.#guard(this.#appender.readBack((chunk) => void hash.update(chunk)));
    return hash.digest('hex');
  }

  /** Starts the next batch; a promise when one is in flight that has to end first. */
  #sendOrWait(): Promise<void> | undefined {
    if (this.#inFlight !== undefined) return this.#sendAfter(this.#inFlight);
    this.#inFlight = this.#send();
    return undefined;
  }

  async #sendAfter(inFlight: Promise<void>): Promise<void> {
    await inFlight;
    this.#throwFailure();
    this.#inFlight ??= this.#send();
  }

  /** Hands what was gathered to the appender. Never rejects: what goes wrong is met by the next call. */
  async #send(): Promise<void> {
    const batch = this.#gathered;
    const bytes = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    try {
      await this.#appender.append(batch);
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#budget.release(bytes);
      this.#inFlight = undefined;
      for (const chunk of batch) freeChunk(chunk);
    }
  }

  /** Waits for what is in flight and drops what is not. */
  async #settle(): Promise<void> {
    while (this.#inFlight !== undefined) await this.#inFlight;
    this.#budget.release(this.#gatheredBytes);
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  async #guard<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
