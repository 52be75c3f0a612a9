import { writeSync } from 'node:fs';
import { pino, type DestinationStream } from 'pino';

const gatherMs = 20;
const patienceMs = 100;

/** Where gathered lines go: later, or at once when the process ends. */
export interface LineSink {
  write(lines: string): void;
  writeNow(lines: string): void;
}

/**
 * Lines that wait a moment for those that follow. Each write is a trip to the thread pool, and a push is three lines
 * within a few milliseconds.
 */
export class GatheredLines implements DestinationStream {
  readonly #sink: LineSink;
  #lines = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  write(line: string): void {
    this.#lines += line;
    this.#timer ??= setTimeout(() => this.#sink.write(this.#take()), gatherMs);
  }

  /** Writes what waits before it returns. */
  flushSync(): void {
    this.#sink.writeNow(this.#take());
  }

  #take(): string {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = '';
    return lines;
  }
}

let standardOutput: DestinationStream | undefined;

/**
 * The process's standard output, one for all who write to it; its last lines are written when the process ends, whichever
 * way it does but by force.
 */
export function openStandardOutput(): DestinationStream {
  standardOutput ??= makeStandardOutput();
  return standardOutput;
}

function makeStandardOutput(): DestinationStream {
  // not waited for: what comes while a write is under way goes into the next one
  const stream = pino.destination({ dest: 1, sync: false });
  let underWay = 0;
  stream.on('write', (bytes: number) => void (underWay -= bytes));
  const lines = new GatheredLines({
    write: (text) => {
      underWay += Buffer.byteLength(text);
      stream.write(text);
    },
    writeNow: (text) => {
      // a thread has it, and nobody hears of its end any more: a moment, lest what follows comes before it
      if (underWay > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, patienceMs);
      stream.flushSync();
      if (text !== '') writeSync(1, text);
    },
  });
  process.once('exit', () => {
    try {
      lines.flushSync();
    } catch {
      // nobody reads any more, and the process ends for another reason
    }
  });
  return lines;
}
