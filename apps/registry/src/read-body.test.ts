import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Exchange } from './exchange.ts';
import { readSmallBody } from './read-body.ts';

const limits = { maxBytes: 4_000_000, what: 'a manifest', idleMs: 60_000 };

function anExchange(): Exchange {
  const req = new IncomingMessage(new Socket());
  req.headers = { 'transfer-encoding': 'chunked' };
  return new Exchange(req, new ServerResponse(req));
}

/** How reading ended: with the code of an error, or a number of bytes. */
async function outcomeOf(exchange: Exchange): Promise<unknown> {
  return await readSmallBody(exchange, limits).then(
    (bytes) => bytes.length,
    (error: { code: string }) => error.code,
  );
}

describe('a small body', () => {
  afterEach(() => void vi.useRealTimers());

  /** Sends a piece of the body every second. */
  async function sendFor(exchange: Exchange, seconds: number, bytesPerSecond: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      exchange.req.push(Buffer.alloc(bytesPerSecond));
      await vi.advanceTimersByTimeAsync(1_000);
    }
  }

  it('is given up when it comes a few bytes at a time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const exchange = anExchange();
    const outcome = outcomeOf(exchange);
    await sendFor(exchange, 61, 100);
    exchange.req.push(null);
    expect(await outcome).toBe('BODY_ABORTED');
  });

  it('may take minutes at a decent rate', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const exchange = anExchange();
    const outcome = outcomeOf(exchange);
    await sendFor(exchange, 150, 2_000);
    exchange.req.push(null);
    expect(await outcome).toBe(300_000);
  });

  it('of a client that has gone before anybody read it is not waited for', async () => {
    const exchange = anExchange();
    exchange.req.on('error', () => undefined).destroy();
    await new Promise(setImmediate);
    const waited = new Promise((resolve) => setTimeout(resolve, 500, 'still waiting'));
    expect(await Promise.race([outcomeOf(exchange), waited])).toBe('BODY_ABORTED');
  });
});
