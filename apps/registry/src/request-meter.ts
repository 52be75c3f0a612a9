import type { Counter, Histogram } from '@entrepot/telemetry/metric-family';
import type { Metrics } from '@entrepot/telemetry/metrics';

const methods = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE']);

interface Series {
  readonly requests: Counter;
  readonly duration: Histogram;
}

/** Counts requests into series that are looked up once: the labels of most requests are those of the one before. */
export class RequestMeter {
  readonly #metrics: Metrics;
  readonly #series = new Map<string, Series>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** One answered request. `seconds`: from its headers to its answer. */
  count(route: string, method: string, status: number, seconds: number): void {
    const known = methods.has(method) ? method : 'other';
    const key = `${route} ${known} ${status}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      const labels = { app: 'registry', route };
      series = {
        requests: this.#metrics.requests.with({ ...labels, method: known, status }),
        duration: this.#metrics.requestDuration.with(labels),
      };
      this.#series.set(key, series);
    }
    series.requests.add();
    series.duration.observe(seconds);
  }
}
