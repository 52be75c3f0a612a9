import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@entrepot/telemetry/logger';

interface Step {
  readonly name: string;
  readonly patienceMs: number;
  readonly stop: () => Promise<void>;
}

/** What has been started, to be stopped in the reverse order. */
export class Teardown {
  readonly #steps: Step[] = [];
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Notes how to stop what has just been started, and how long that may take. */
  add(name: string, patienceMs: number, stop: () => Promise<void>): void {
    this.#steps.push({ name, patienceMs, stop });
  }

  /** Stops everything, the last first. A step that fails or takes too long is logged and left behind. */
  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop())
      await this.#runStep(step);
  }

  async #runStep({ name, patienceMs, stop }: Step): Promise<void> {
    const late = sleep(patienceMs, 'late' as const, { ref: false });
    try {
      if ((await Promise.race([stop(), late])) === 'late')
        this.#log.warn({ part: name }, 'did not stop in time');
    } catch (error) {
      this.#log.error({ err: error, part: name }, 'did not stop cleanly');
    }
  }
}
