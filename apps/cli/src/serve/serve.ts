import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureSecretKey } from '@entrepot/access/bootstrap';
import { makeDataDirectory } from '@entrepot/embedded-postgres/data-directory';
import type { EmbeddedPostgres } from '@entrepot/embedded-postgres/embedded-postgres';
import { SecretBox } from '@entrepot/identity/secret-box';
import { createMetrics } from '@entrepot/telemetry/metrics';
import type { Config } from '../config/config.ts';
import { version } from '../version.ts';
import { formatBanner } from './banner.ts';
import { composeApps } from './compose.ts';
import { makeFirstAdministrator } from './first-start.ts';
import { Front } from './front.ts';
import { takeInstanceLock } from './instance-lock.ts';
import { probeAddress } from './listen.ts';
import { metricsHostAndPort, startMetricsServer } from './metrics-server.ts';
import { openDatabase } from './open-database.ts';
import { openStorage } from './open-storage.ts';
import type { ProcessOutput } from './process-log.ts';
import { loadSecretKey } from './secret-key.ts';
import { checkStorageIdentity } from './storage-identity.ts';
import { Teardown } from './teardown.ts';
import { trimMemory } from './trim-memory.ts';
import { readTls, watchTls, type TlsFiles } from './tls-files.ts';

/** A product that runs, or is on its way. */
export interface RunningProduct {
  /** Resolves when it takes requests; rejects with the reason when it cannot start. */
  readonly ready: Promise<void>;
  /** Stops everything, in good order, within 15 seconds after `drainSeconds`. Also while it is starting. */
  stop(): Promise<void>;
  /** Lets go of the database server at once, for an exit that was forced. */
  abandon(): void;
  /** Calls `listener` when the database server is gone for good. */
  onLoss(listener: (error: Error) => void): void;
}

// what requests in flight get of the 15 seconds that a stop may take
const drainMs = 9_000;

/** Starts the whole product in this process: database, apps, one port. */
export function serve(config: Config, output: ProcessOutput): RunningProduct {
  return new Product(config, output);
}

class Product implements RunningProduct {
  readonly ready: Promise<void>;
  readonly #config: Config;
  readonly #output: ProcessOutput;
  readonly #teardown: Teardown;
  readonly #starting = new AbortController();
  readonly #lossListeners: ((error: Error) => void)[] = [];
  #server: EmbeddedPostgres | undefined;

  constructor(config: Config, output: ProcessOutput) {
    this.#config = config;
    this.#output = output;
    this.#teardown = new Teardown(output.log);
    this.ready = this.#start();
  }

  async stop(): Promise<void> {
    this.#starting.abort();
    await this.ready.catch(() => undefined);
    await this.#teardown.run();
  }

  abandon(): void {
    this.#server?.abandon();
  }

  onLoss(listener: (error: Error) => void): void {
    this.#lossListeners.push(listener);
  }

  async #start(): Promise<void> {
    const config = this.#config;
    const { log } = this.#output;
    const tlsFiles = tlsFilesOf(config);
    const tls = tlsFiles === undefined ? undefined : readTls(tlsFiles);
    const dataDir = await this.#takeDataDirectory();
    // before the database is started, so that a port that is taken is told at once
    const address = { host: config.httpHost, port: config.httpPort, settings: 'ENTREPOT_HTTP_PORT', log };
    await probeAddress(address);
    const metrics = createMetrics();
    await this.#startMetrics(metrics);
    const box = new SecretBox(await loadSecretKey(dataDir, config.secretKey));
    const database = await openDatabase({
      config,
      dataDir,
      log,
      teardown: this.#teardown,
      signal: this.#starting.signal,
      onServer: (server) => this.#watch(server),
    });
    await ensureSecretKey(database, box);
    const { store, place } = await openStorage(config, dataDir);
    await checkStorageIdentity(database, store, place);
    const administrator = await makeFirstAdministrator(database, dataDir, config.adminPassword);
    const readiness = async (): Promise<void> => this.#starting.signal.throwIfAborted();
    const teardown = this.#teardown;
    const apps = await composeApps({ config, database, store, box, log, metrics, teardown, readiness });
    const front = new Front(apps, tls, log);
    this.#starting.signal.throwIfAborted();
    const port = await front.start(config.httpHost, config.httpPort);
    const drainLimit = config.drainSeconds * 1_000 + drainMs + 1_000;
    teardown.add('requests', drainLimit, () => this.#drain(front));
    if (tlsFiles !== undefined) {
      const unwatch = watchTls(tlsFiles, log, (material) => front.renewTls(material));
      teardown.add('certificate', 1_000, async () => unwatch());
    }
    const url =
      config.externalUrl ?? `${tls === undefined ? 'http' : 'https'}://${shownHost(config.httpHost)}:${port}`;
    log.info({ url, version }, 'ready');
    this.#output.say(
      formatBanner({ version, url, administrator, loopbackOnly: isLoopback(config.httpHost) }),
    );
    await trimMemory(log);
  }

  async #takeDataDirectory(): Promise<string> {
    await makeDataDirectory(resolve(this.#config.data));
    const dataDir = await realpath(this.#config.data);
    const lock = await takeInstanceLock(dataDir);
    this.#teardown.add('data directory', 1_000, () => lock.release());
    return dataDir;
  }

  async #startMetrics(metrics: ReturnType<typeof createMetrics>): Promise<void> {
    const address = metricsHostAndPort(this.#config.metricsAddress);
    if (address === undefined) return;
    const stop = await startMetricsServer(address, metrics, this.#output.log);
    this.#teardown.add('metrics', 500, stop);
  }

  #watch(server: EmbeddedPostgres): void {
    this.#server = server;
    server.onExit((error) => {
      for (const listener of this.#lossListeners) listener(error);
    });
  }

  // readiness fails since stop() was called: balancers get their time to see it
  async #drain(front: Front): Promise<void> {
    await sleep(this.#config.drainSeconds * 1_000);
    await front.stop(drainMs);
  }
}

function tlsFilesOf({ tlsCertFile, tlsKeyFile }: Config): TlsFiles | undefined {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  return { certFile: tlsCertFile, keyFile: tlsKeyFile };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
