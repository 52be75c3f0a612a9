import { AppError } from '@entrepot/errors/app-error';
import type { Exchange } from './exchange.ts';

const idle = 60_000;

/**
 * A body of at most `limit` bytes, whole. `TOO_LARGE` as soon as it is clear, `SIZE_INVALID` when it is shorter than
 * it said, `BODY_ABORTED` when the client went away or stopped sending.
 */
export async function readSmallBody(exchange: Exchange, limit: number, what: string): Promise<Buffer> {
  const { req } = exchange;
  const expected = exchange.bodyLength;
  if (expected !== undefined && expected > limit) throw tooLarge(limit, what);
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (error: AppError): void => {
      clearTimeout(timer);
      req.removeAllListeners('data');
      reject(error);
    };
    const timer = setTimeout(() => fail(gone('the client stopped sending')), idle);
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) fail(tooLarge(limit, what));
      else chunks.push(chunk);
    });
    req.once('end', () => {
      clearTimeout(timer);
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size));
    });
    req.once('error', () => fail(gone('the connection broke')));
    req.once('close', () => {
      if (!req.complete) fail(gone('the client went away'));
    });
  });
}

function tooLarge(limit: number, what: string): AppError {
  return new AppError('TOO_LARGE', `${what} may have at most ${limit} bytes`);
}

function gone(why: string): AppError {
  return new AppError('BODY_ABORTED', `${why} before the body was complete`);
}
