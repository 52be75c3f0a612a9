import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** One line of the product's JSON log. */
export interface LogLine {
  readonly msg: string;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly ms?: number;
  readonly url?: string;
  readonly refused?: string;
}

/** What a server has logged, and what it will. */
export class ServerLog {
  readonly lines: LogLine[] = [];
  /** Everything as it came, for the message of a failed test. */
  text = '';
  readonly #listeners = new Set<() => void>();

  /** Reads a stream to its end. */
  read(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => {
      this.text = `${this.text}${line}\n`.slice(-20_000);
      const entry = parse(line);
      if (entry !== undefined) this.lines.push(entry);
      for (const listener of this.#listeners) listener();
    });
  }

  /** The first line from index `from` on that fits, as soon as there is one. */
  async waitFor(fits: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    for (;;) {
      const found = this.lines.slice(from).find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }

  /** How many requests of this method on paths that begin so were answered with this status. */
  countRequests(method: string, path: string, status: number): number {
    return this.lines.filter(
      (line) => line.method === method && line.status === status && line.path?.startsWith(path) === true,
    ).length;
  }
}

function parse(line: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'msg' in value ? (value as LogLine) : undefined;
  } catch {
    return undefined;
  }
}
