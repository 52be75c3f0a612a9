import { checkHealth, type PartHealth } from '@entrepot/telemetry/health-check';

/** Something that the process works with. */
export interface Part {
  readonly name: string;
  /** Whether requests should go elsewhere while it is unwell. */
  readonly needed: boolean;
  /** Resolves when it is well. */
  readonly check: () => Promise<void>;
}

/** What a balancer is told. */
export interface ReadinessReport {
  /** `degraded`: requests are welcome, and something that they can do without is unwell. */
  readonly status: 'ready' | 'degraded' | 'not ready';
  readonly parts: readonly PartHealth[];
}

// those who ask at once, or all the time, cost one look at the parts
const reportMilliseconds = 1_000;

/** Whether requests are welcome in this process: not before it has started, nor once it stops. */
export class Readiness {
  readonly #stopping: AbortSignal;
  #parts: readonly Part[] | undefined;
  #last: { readonly at: number; readonly report: Promise<ReadinessReport> } | undefined;

  constructor(stopping: AbortSignal) {
    this.#stopping = stopping;
  }

  /** The process has started; from now on it is as well as its parts. */
  begin(parts: readonly Part[]): void {
    this.#parts = parts;
    this.#last = undefined;
  }

  /** How the process is. Never rejects. */
  async report(): Promise<ReadinessReport> {
    if (this.#stopping.aborted) return refusal('the process is stopping');
    if (this.#parts === undefined) return refusal('the process is starting');
    const now = performance.now();
    if (this.#last === undefined || now - this.#last.at > reportMilliseconds) {
      this.#last = { at: now, report: examine(this.#parts) };
    }
    return await this.#last.report;
  }
}

function refusal(error: string): ReadinessReport {
  return { status: 'not ready', parts: [{ name: 'process', status: 'unhealthy', error }] };
}

async function examine(parts: readonly Part[]): Promise<ReadinessReport> {
  const health = await Promise.all(parts.map(({ name, check }) => checkHealth(name, check)));
  const unwell = parts.filter((_, index) => health[index]?.status !== 'healthy');
  const status = unwell.some(({ needed }) => needed) ? 'not ready' : unwell.length > 0 ? 'degraded' : 'ready';
  return { status, parts: health };
}
