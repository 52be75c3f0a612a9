import type { Counter, Histogram } from '@entrepot/telemetry/metric-family';
import type { Metrics } from '@entrepot/telemetry/metrics';
import type { Exchange } from './exchange.ts';

const methods = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE']);

interface Series {
  readonly requests: Counter;
  readonly duration: Histogram;
}

/** Counts requests into series that are looked up once: the labels of most requests are those of the one before. */
export class RequestMeter {
  readonly #metrics: Metrics;
  readonly #received: Counter;
  readonly #sent: Counter;
  readonly #series = new Map<string, Series>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#received = metrics.receivedBytes.with({ app: 'registry' });
    this.#sent = metrics.sentBytes.with({ app: 'registry' });
  }

  /** One answered request. `seconds`: from its headers to its answer. */
  count(route: string, exchange: Exchange, seconds: number): void {
    const known = methods.has(exchange.method) ? exchange.method : 'other';
    const status = exchange.res.statusCode;
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
    this.#received.add(exchange.received);
    this.#sent.add(exchange.sent);
  }
}
