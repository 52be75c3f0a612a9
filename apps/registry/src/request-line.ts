import { AppError } from '@entrepot/errors/app-error';
import type { Logger, LogLevel } from '@entrepot/telemetry/logger';
import type { CallerReader } from './caller.ts';
import { ChallengeError } from './challenge-error.ts';
import type { Outcome } from './dispatch.ts';
import type { Exchange } from './exchange.ts';

/** What lines are written with. */
export interface LineWriter {
  readonly log: Logger;
  readonly callers: Pick<CallerReader, 'findAddress'>;
}

/**
 * Writes the line of one request. Pulls and the challenges that each client begins with say nothing that the metrics
 * do not: they are only logged at debug, and for them nothing is computed.
 */
export function writeRequestLine(
  { log, callers }: LineWriter,
  exchange: Exchange,
  { outcome, seconds }: { readonly outcome: Outcome; readonly seconds: number },
): void {
  const { statusCode: status } = exchange.res;
  const level = levelOf(exchange, outcome);
  if (!log.isLevelEnabled(level)) return;
  const line = {
    requestId: exchange.id,
    address: callers.findAddress(exchange.req),
    user: exchange.user === '' ? undefined : exchange.user,
    tried: exchange.tried,
    method: exchange.method,
    path: exchange.path,
    status,
    ms: Math.round(seconds * 1e5) / 100,
  };
  log[level]({ ...line, ...describeRefusal(outcome, status) }, 'request');
}

const reads = new Set(['GET', 'HEAD']);

function levelOf(exchange: Exchange, { error, unexpected }: Outcome): Exclude<LogLevel, 'silent'> {
  const { statusCode: status } = exchange.res;
  if (unexpected) return 'error';
  if (status >= 500) return 'warn';
  if (exchange.tried !== undefined || status === 403) return 'info';
  if (status === 401) return isRoutine(error) ? 'debug' : 'info';
  return reads.has(exchange.method) ? 'debug' : 'info';
}

// no credentials, or a token that has had its time: the client gets another and comes back
function isRoutine(error: unknown): boolean {
  return !(error instanceof ChallengeError) || !error.challenge.includes('error="insufficient_scope"');
}

function describeRefusal({ error, unexpected }: Outcome, status: number): Record<string, unknown> {
  if (error === undefined) return {};
  const code = error instanceof AppError ? error.code : 'INTERNAL';
  if (unexpected || status >= 500 || !(error instanceof Error)) return { code, err: error };
  return { code, refused: error.message };
}
