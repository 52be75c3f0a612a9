import { createLogger, type Logger } from '@entrepot/telemetry/logger';
import type { Config } from '../config/config.ts';
import { terminalLog } from './terminal-log.ts';

/** How this process speaks: events to the log, and what is for the person at the terminal. */
export interface ProcessOutput {
  readonly log: Logger;
  /** Plain text, beside the log: never between JSON lines. */
  readonly say: (text: string) => void;
}

/** Logs for people on a terminal, as JSON elsewhere, unless the setting says which. */
export function createOutput({
  logLevel: level,
  logFormat,
}: Pick<Config, 'logLevel' | 'logFormat'>): ProcessOutput {
  const isText = logFormat === 'text' || (logFormat === 'auto' && process.stdout.isTTY);
  if (!isText) return { log: createLogger({ level }), say: (text) => process.stderr.write(text) };
  const log = createLogger({ level, destination: terminalLog(process.stdout) });
  return { log, say: (text) => process.stdout.write(text) };
}
