import type { Readable } from 'node:stream';
import { AppError } from '@entrepot/errors/app-error';
import type { BlobWriter } from './blob-writer.ts';
import { SlowClientWatch, type SlowClientLimits } from './slow-client-watch.ts';

/** How long and how large a body may be. */
export interface BodyLimits extends SlowClientLimits {
  /** Bytes above which the body is refused. */
  readonly maxBytes?: number;
  /** Bytes that the body must have: Content-Length, or the length of its Content-Range. */
  readonly expectedBytes?: number;
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
      if (this.#source.destroyed) return this.#failAborted('went away');
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
    this.#source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onGone);
    // the listener for 'error' stays: a client may still go away, which must not end the process
  }
}

/**
 * Takes the body of a request into `writer`, holding the client back while the storage is behind; resolves to the
 * bytes received. When it rejects, what arrived is in the writer: flush it to keep the offset. The source is left
 * paused, and is the caller's to answer or destroy.
 *
 * @throws AppError `BODY_ABORTED` (the client went away or was given up), `SIZE_INVALID`, `TOO_LARGE`, or what the
 *   writer throws.
 */
export function receiveBody(source: Readable, writer: BlobWriter, limits: BodyLimits): Promise<number> {
  return new BodyPump(source, writer, limits).run();
}
