import type { Readable } from 'node:stream';
import { AppError } from '@entrepot/errors/app-error';
import type { BlobWriter } from './blob-writer.ts';

/** How long and how large a body may be. */
export interface BodyLimits {
  /** Bytes above which the body is refused. */
  readonly maxBytes?: number;
  /** Bytes that the body must have: Content-Length, or the length of its Content-Range. */
  readonly expectedBytes?: number;
  /** Ends the wait from outside, with its reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds without a byte after which the client is given up. */
  readonly idleMs: number;
  /** The least that a client must send, averaged over a minute. */
  readonly minBytesPerSecond: number;
}

const looksPerIdle = 4;
const rateWindowMs = 60_000;

/** Gives up a client that sends nothing, or next to nothing. Time that we keep it waiting does not count. */
class SlowClientWatch {
  readonly #limits: BodyLimits;
  readonly #looksPerWindow: number;
  #idleLooks = 0;
  #windowLooks = 0;
  #lastSeen = 0;
  #windowStart = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
    this.#looksPerWindow = Math.max(1, Math.round(rateWindowMs / this.everyMs));
  }

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

/** One body on its way into a writer: the pump's state, from the first byte to the end or the failure. */
class BodyPump {
  readonly #source: Readable;
  readonly #writer: BlobWriter;
  readonly #limits: BodyLimits;
  readonly #watch: SlowClientWatch;
  #received = 0;
  #isWaiting = false;
  #timer: NodeJS.Timeout | undefined;
  #resolve: (received: number) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(source: Readable, writer: BlobWriter, limits: BodyLimits) {
    this.#source = source;
    this.#writer = writer;
    this.#limits = limits;
    this.#watch = new SlowClientWatch(limits);
  }

  run(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const { signal } = this.#limits;
      if (this.#source.destroyed) return this.#failAborted('went away');
      if (signal?.aborted === true) return this.#onSignal();
      signal?.addEventListener('abort', this.#onSignal);
      this.#timer = setInterval(this.#onLook, this.#watch.everyMs);
      this.#source.on('data', this.#onData).on('end', this.#onEnd);
      this.#source.on('error', this.#onGone).on('close', this.#onGone);
    });
  }

  readonly #onData = (chunk: Buffer): void => {
    const { expectedBytes, maxBytes } = this.#limits;
    const received = this.#received + chunk.length;
    if (expectedBytes !== undefined && received > expectedBytes) return this.#failSize(`more than`);
    if (maxBytes !== undefined && received > maxBytes) {
      return this.#fail(new AppError('TOO_LARGE', `the body has more than the ${maxBytes} bytes allowed`));
    }
    this.#received = received;
    try {
      const wait = this.#writer.write(chunk);
      if (wait !== undefined) void this.#holdBack(wait);
    } catch (error) {
      this.#fail(error);
    }
  };

  async #holdBack(wait: Promise<void>): Promise<void> {
    this.#isWaiting = true;
    this.#source.pause();
    try {
      await wait;
      this.#isWaiting = false;
      if (this.#timer !== undefined) this.#source.resume();
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #onEnd = (): void => {
    const { expectedBytes } = this.#limits;
    if (expectedBytes !== undefined && this.#received < expectedBytes) return this.#failSize('less than');
    this.#detach();
    this.#resolve(this.#received);
  };

  readonly #onGone = (): void => this.#failAborted('went away');

  readonly #onSignal = (): void => this.#fail(this.#limits.signal?.reason);

  readonly #onLook = (): void => {
    const reason = this.#watch.look(this.#received, this.#isWaiting);
    if (reason !== undefined) this.#failAborted(reason);
  };

  #failSize(relation: string): void {
    const { expectedBytes } = this.#limits;
    this.#fail(new AppError('SIZE_INVALID', `the body has ${relation} the ${expectedBytes} bytes announced`));
  }

  #failAborted(what: string): void {
    this.#fail(
      new AppError(
        'BODY_ABORTED',
        `the client ${what} after ${this.#received} bytes: it can go on from the upload's offset`,
      ),
    );
  }

  #fail(error: unknown): void {
    this.#detach();
    this.#source.pause();
    this.#reject(error);
  }

  #detach(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#limits.signal?.removeEventListener('abort', this.#onSignal);
    this.#source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onGone);
    // the listener for 'error' stays: a client may still go away, which must not end the process
  }
}

/**
 * Takes the body of a request into `writer`, holding the client back while the storage is behind; resolves to the
 * bytes received. When it rejects, what arrived is in the writer: flush it to keep the offset. The source is left
 * paused, and is the caller's to answer or destroy.
 *
 * @throws AppError `BODY_ABORTED` (the client went away or was given up), `SIZE_INVALID`, `TOO_LARGE`, what the
 *   writer throws, or the reason of the signal.
 */
export function receiveBody(source: Readable, writer: BlobWriter, limits: BodyLimits): Promise<number> {
  return new BodyPump(source, writer, limits).run();
}
