import { SlowClientWatch } from '@entrepot/content-store/slow-client-watch';
import { AppError } from '@entrepot/errors/app-error';
import type { Exchange } from './exchange.ts';

/** How large a small body may be, what it is, and how long its client may say nothing. */
export interface SmallBodyLimits {
  readonly maxBytes: number;
  /** For the message of a refusal. */
  readonly what: string;
  /** Milliseconds. */
  readonly idleMs: number;
}

const minBytesPerSecond = 1024;

/**
 * A body of at most `maxBytes`, whole. `TOO_LARGE` as soon as it is clear, `BODY_ABORTED` when the client went away
 * or sent nothing, or less than 1 KiB a second, for a while.
 */
export async function readSmallBody(exchange: Exchange, limits: SmallBodyLimits): Promise<Buffer> {
  const { req } = exchange;
  const { maxBytes, what, idleMs } = limits;
  const expected = exchange.bodyLength;
  if (expected !== undefined && expected > maxBytes) throw tooLarge(limits);
  // its events are over: nothing would come any more
  if (req.destroyed) throw gone('the client went away');
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (error: AppError): void => {
      clearInterval(timer);
      req.off('data', take);
      reject(error);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      exchange.received += chunk.length;
      if (size > maxBytes) fail(tooLarge(limits));
      else chunks.push(chunk);
    };
    const watch = new SlowClientWatch({ idleMs, minBytesPerSecond });
    const timer = setInterval(() => {
      const reason = watch.look(size, false);
      if (reason !== undefined) fail(gone(`the client ${reason} of ${what}`));
    }, watch.everyMs);
    req.on('data', take);
    req.once('end', () => {
      clearInterval(timer);
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size));
    });
    req.once('error', () => fail(gone('the connection broke')));
    req.once('close', () => {
      if (!req.complete) fail(gone('the client went away'));
    });
  });
}

function tooLarge({ maxBytes, what }: SmallBodyLimits): AppError {
  return new AppError('TOO_LARGE', `${what} may have at most ${maxBytes} bytes`);
}

function gone(why: string): AppError {
  return new AppError('BODY_ABORTED', `${why} before the body was complete`);
}
