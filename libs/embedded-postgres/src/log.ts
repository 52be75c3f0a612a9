/** The part of a logger that this library needs; pino's has it. */
export interface PostgresLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For callers that want no log. */
export const silentLog: PostgresLog = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
