import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Metrics } from '@entrepot/telemetry/metrics';
import type { Config } from '../config/config.ts';
import { listen } from './listen.ts';
import type { Readiness } from './readiness.ts';
import type { Teardown } from './teardown.ts';

/** Where the metrics are. */
interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/** What those who look after the process may ask. */
export interface ProcessFacts {
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

const settingName = 'ENTREPOT_METRICS_ADDRESS, off for none';

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Answers on the address of the settings, until the teardown; nowhere when they say `off`. */
export async function openMetrics(
  { metricsAddress }: Pick<Config, 'metricsAddress'>,
  facts: ProcessFacts,
  { log, teardown }: { readonly log: Logger; readonly teardown: Teardown },
): Promise<void> {
  const address = metricsHostAndPort(metricsAddress);
  if (address === undefined) return;
  teardown.add('metrics', 500, await startMetricsServer(address, facts, log));
}

/** Reads `host:port`, or `[::1]:port`; `undefined` for `off`. */
function metricsHostAndPort(setting: string): MetricsAddress | undefined {
  if (setting === 'off') return undefined;
  const colon = setting.lastIndexOf(':');
  return {
    host: setting.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(setting.slice(colon + 1)),
  };
}

/**
 * Answers `GET /metrics`, `/ready` (200 when requests are welcome, else 503) and `/live` (200) on an address of its
 * own. Returns what stops it. Throws `CONFIG_INVALID`.
 */
async function startMetricsServer(
  address: MetricsAddress,
  facts: ProcessFacts,
  log: Logger,
): Promise<() => Promise<void>> {
  const server = createServer((req, res) => {
    answer(req, res, facts).catch((error: unknown) => {
      log.error({ err: error }, 'metrics could not be rendered');
      res.destroy();
    });
  });
  await listen(server, { ...address, settings: { host: settingName, port: settingName }, log });
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, facts: ProcessFacts): Promise<void> {
  const isRead = req.method === 'GET' || req.method === 'HEAD';
  const page = isRead ? await readPage(req.url?.split('?')[0], facts) : undefined;
  if (page === undefined) {
    res.writeHead(404).end();
    return;
  }
  const { status, type, body } = page;
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  res.end(req.method === 'HEAD' ? undefined : body);
}

async function readPage(
  path: string | undefined,
  { metrics, readiness }: ProcessFacts,
): Promise<Page | undefined> {
  switch (path) {
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.render() };
    case '/live':
      return json(200, { status: 'live' });
    case '/ready': {
      const report = await readiness.report();
      return json(report.status === 'not ready' ? 503 : 200, report);
    }
    default:
      return undefined;
  }
}

function json(status: number, body: object): Page {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}
