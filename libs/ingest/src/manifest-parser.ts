import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AppError } from '@entrepot/errors/app-error';
import { parseManifest, type Manifest } from '@entrepot/oci/manifest';
import type { ManifestAnswer, ManifestQuestion } from './manifest-thread.ts';

/** The worst manifest of this size takes 15 ms. */
const largestInline = 256 * 1024;
const thread = new URL(`./manifest-thread${extname(import.meta.url)}`, import.meta.url);

function ignore(): void {}

/** How the thread is kept. */
export interface ThreadLimits {
  /** Milliseconds without work after which it ends. */
  readonly idleMs: number;
  /** MiB of the old generation of its heap, beyond which it dies. */
  readonly heapMb: number;
}

/** Whoever waits for the thread. */
interface Waiting {
  resolve(answer: ManifestAnswer): void;
  reject(cause: unknown): void;
}

/**
 * Parses manifests as they are pushed. Those above 256 KiB, which may take 0.1 s, go to a thread, one after the other.
 * The thread starts when it is first needed and ends when it was idle for a while; a manifest that kills it fails
 * alone, and the next one starts another.
 */
export class ManifestParser {
  readonly #limits: ThreadLimits;
  #worker: Worker | undefined;
  #waiting: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(limits: ThreadLimits = { idleMs: 10_000, heapMb: 128 }) {
    this.#limits = limits;
  }

  /** Threads that run now: none or one. */
  get threads(): number {
    return this.#worker === undefined ? 0 : 1;
  }

  /**
   * What `parseManifest` of libs/oci says of the bytes.
   *
   * @throws AppError TOO_LARGE, MANIFEST_INVALID; any other error when the thread died of it
   */
  async parse(bytes: Uint8Array, contentType: string | undefined): Promise<Manifest> {
    if (bytes.length <= largestInline) return parseManifest(bytes, contentType);
    const answered = this.#queue.then(() => this.#ask({ bytes, contentType }));
    // keeps nothing of the answer: the next manifest may come much later
    this.#queue = answered.then(ignore, ignore);
    const answer = await answered;
    if ('manifest' in answer) return answer.manifest;
    throw new AppError(answer.refusal.code, answer.refusal.message);
  }

  async #ask(question: ManifestQuestion): Promise<ManifestAnswer> {
    clearTimeout(this.#timer);
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting = { resolve, reject };
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
        worker.postMessage(question);
      });
    } finally {
      this.#waiting = undefined;
      worker.unref();
      this.#endWhenIdle();
    }
  }

  // a function of its own: a closure within #ask would keep the question as long as the thread
  #endWhenIdle(): void {
    this.#timer = setTimeout(() => this.#rest(), this.#limits.idleMs).unref();
  }

  #start(): Worker {
    const resourceLimits = { maxOldGenerationSizeMb: this.#limits.heapMb, maxYoungGenerationSizeMb: 16 };
    const worker = new Worker(thread, { resourceLimits });
    worker.on('message', (answer: ManifestAnswer) => this.#waiting?.resolve(answer));
    worker.on('messageerror', (error) => this.#waiting?.reject(error));
    worker.on('error', (error) => this.#onDeath(worker, error));
    worker.on('exit', () => this.#onDeath(worker, new Error('the thread that parses manifests ended')));
    return worker;
  }

  #onDeath(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#waiting?.reject(cause);
  }

  #rest(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }
}
