import { AppError } from '@entrepot/errors/app-error';

const lostConnection = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  // too many connections
  '53300',
  '57P01',
  '57P02',
  '57P03',
  '08000',
  '08003',
  '08006',
]);

// what PgBouncer says itself comes with the code of a protocol violation: above all that PostgreSQL is away
const poolerState = '08P01';

/** The SQLSTATE, or the system's code, of a database error; `undefined` for any other error. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Whether the server itself refused the statement, and so undid it: with a SQLSTATE, five characters. */
export function isRefusal(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(sqlState(error) ?? '');
}

/** The constraint that a database error names. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('constraint' in error)) return undefined;
  return typeof error.constraint === 'string' ? error.constraint : undefined;
}

/** The DETAIL line of a database error. */
export function errorDetail(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('detail' in error)) return undefined;
  return typeof error.detail === 'string' ? error.detail : undefined;
}

/** Whether the database was not there to answer, as opposed to having said no. */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error);
  if (state === poolerState) return !saysItself(error);
  if (state !== undefined) return lostConnection.has(state);
  return (
    error instanceof Error &&
    /Connection terminated|not queryable|timeout exceeded when trying to connect|timeout expired|Query read timeout/.test(
      error.message,
    )
  );
}

// PostgreSQL names the routine that refused; a pooler has none
function saysItself(error: unknown): boolean {
  return error instanceof Error && 'routine' in error && typeof error.routine === 'string';
}

/** Translates a lost connection into `UNAVAILABLE`; everything else is returned as it is. */
export function translateDatabaseError(error: unknown): unknown {
  if (sqlState(error) === '53100') {
    return new AppError('STORAGE_FULL', 'the disk of the database is full: make room on it', {
      cause: error,
      retryAfter: 30,
    });
  }
  if (!isConnectionLost(error)) return error;
  return new AppError('UNAVAILABLE', 'the database does not answer; try again shortly', {
    cause: error,
    retryAfter: 2,
  });
}
