import { pino, stdSerializers, type DestinationStream, type LogFn } from 'pino';
import { openStandardOutput } from './gathered-lines.ts';
import { redactSecrets, redactText } from './redact-secrets.ts';
import { findRequestContext } from './request-context.ts';

/** Levels of {@link createLogger}, least urgent first; `silent` writes nothing. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/**
 * Writes events: a fixed string and fields, `log.info({ digest, ms }, 'blob committed')`. An error goes in
 * `error`. There are no child loggers: what all lines of a request share is its context.
 */
export interface Logger {
  trace: LogFn;
  debug: LogFn;
  info: LogFn;
  warn: LogFn;
  error: LogFn;
  fatal: LogFn;
  /** Whether a line of `level` would be written: asked before fields that cost something are made. */
  isLevelEnabled(level: LogLevel): boolean;
}

const noContext = {};

/** What {@link createLogger} needs. */
export interface LoggerOptions {
  level: LogLevel;
  /** Where the lines go: the process's stdout unless given. */
  destination?: DestinationStream;
}

/**
 * A logger that writes one JSON object a line, with the context of the running request
 * ({@link runInContext}) and without secrets: members with a secret's name, and credentials in texts, are
 * replaced.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: redactSecrets,
      },
      mixin: () => findRequestContext() ?? noContext,
      // pino's own would write the fields into the context
      mixinMergeStrategy: (fields, context) => (context === noContext ? fields : { ...context, ...fields }),
      serializers: { err: serializeError, error: serializeError },
      hooks: { streamWrite: redactText },
    },
    options.destination ?? openStandardOutput(),
  );
}

function serializeError(error: unknown): unknown {
  return redactSecrets(error instanceof Error ? { ...stdSerializers.err(error) } : error);
}
