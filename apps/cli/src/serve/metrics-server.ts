import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Metrics } from '@entrepot/telemetry/metrics';
import { listen } from './listen.ts';

/** Where the metrics are. */
export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, or `[::1]:port`; `undefined` for `off`. */
export function metricsHostAndPort(setting: string): MetricsAddress | undefined {
  if (setting === 'off') return undefined;
  const colon = setting.lastIndexOf(':');
  return {
    host: setting.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(setting.slice(colon + 1)),
  };
}

/** Answers `GET /metrics` on an address of its own. Returns what stops it. Throws `CONFIG_INVALID`. */
export async function startMetricsServer(
  address: MetricsAddress,
  metrics: Metrics,
  log: Logger,
): Promise<() => Promise<void>> {
  const server = createServer((req, res) => {
    answer(req, res, metrics).catch((error: unknown) => {
      log.error({ err: error }, 'metrics could not be rendered');
      res.destroy();
    });
  });
  await listen(server, { ...address, settings: 'ENTREPOT_METRICS_ADDRESS (off for none)', log });
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, metrics: Metrics): Promise<void> {
  if (req.url?.split('?')[0] !== '/metrics' || (req.method !== 'GET' && req.method !== 'HEAD')) {
    res.writeHead(404).end();
    return;
  }
  const body = await metrics.render();
  res.writeHead(200, { 'Content-Type': metrics.contentType, 'Content-Length': Buffer.byteLength(body) });
  res.end(req.method === 'HEAD' ? undefined : body);
}
