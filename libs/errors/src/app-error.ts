import type { ErrorCode } from './error-code.ts';

/** What an {@link AppError} may carry beside its code and message. */
export interface AppErrorOptions {
  /** The error that this one translates. Logged, never sent to a caller. */
  cause?: unknown;
  /** Facts for a machine: sent to the caller as `detail`. No secrets. */
  detail?: Record<string, unknown>;
  /** Seconds after which the same request may succeed: sent as `Retry-After`. */
  retryAfter?: number;
}

/**
 * The one error that domain code throws. It knows nothing of HTTP: each edge maps `code` to its wire form in
 * one exhaustive table. The message is for people and names cause and fix; callers switch on `code`, never
 * on text.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly detail: Record<string, unknown> | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.detail = options.detail;
    this.retryAfter = options.retryAfter;
  }
}

/** Whether `error` is an {@link AppError}, of one of `codes` when any are named. */
export function isAppError(error: unknown, ...codes: ErrorCode[]): error is AppError {
  return error instanceof AppError && (codes.length === 0 || codes.includes(error.code));
}
