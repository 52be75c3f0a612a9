import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '@entrepot/errors/app-error';
import { createLogger } from '@entrepot/telemetry/logger';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ChallengeError } from './challenge-error.ts';
import { Exchange } from './exchange.ts';
import { writeRequestLine } from './request-line.ts';

const challenge = 'Bearer realm="r"';

/** The line of a request that was answered with an error. */
async function lineOf(method: string, error: unknown): Promise<Record<string, unknown>> {
  const lines: string[] = [];
  const log = createLogger({ level: 'debug', destination: { write: (line) => void lines.push(line) } });
  const callers = { findAddress: () => '192.0.2.1' };
  const server = createServer((req, res) => {
    const exchange = new Exchange(req, res);
    const { unexpected } = exchange.sendError(error);
    const outcome = { route: 'base', error, unexpected } as const;
    writeRequestLine({ log, callers }, exchange, { outcome, seconds: 0.5 });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/`, { method });
  return JSON.parse(lines[0] ?? '{}') as Record<string, unknown>;
}

describe('the line of a refused request', () => {
  it.each([
    ['PUT', new AppError('STORAGE_FULL', 'ENOSPC'), 507, 'warn'],
    ['GET', new AppError('UNAVAILABLE', 'the database is away'), 503, 'warn'],
    ['GET', new AppError('STORAGE_FAILED', 'EIO'), 500, 'error'],
    ['GET', new TypeError('a defect'), 500, 'error'],
    ['GET', new AppError('DENIED', 'blocked'), 403, 'info'],
    ['PUT', new AppError('TAG_INVALID', 'no tag'), 400, 'info'],
    ['GET', new AppError('MANIFEST_NOT_FOUND', 'no'), 404, 'debug'],
    ['PUT', new ChallengeError('log in', challenge), 401, 'debug'],
    ['PUT', new ChallengeError('expired', `${challenge},error="invalid_token"`), 401, 'debug'],
    ['GET', new ChallengeError('no right', `${challenge},error="insufficient_scope"`), 401, 'info'],
  ])('%s, %s: %i is at %s', async (method, error, status, level) => {
    const line = await lineOf(method, error);
    expect(line).toMatchObject({ method, status, level, address: '192.0.2.1', ms: 500 });
    expect(line['code']).toBe(error instanceof AppError ? error.code : 'INTERNAL');
    if (status < 500) expect(line['refused']).toBe(error.message);
    else expect(line['err']).toMatchObject({ message: error.message });
  });
});
