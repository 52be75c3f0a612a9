import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ensureSecretKey } from '@entrepot/access/bootstrap';
import { readIdentity } from '@entrepot/content-store/identity';
import { makeDataDirectory } from '@entrepot/embedded-postgres/data-directory';
import type { EmbeddedPostgres } from '@entrepot/embedded-postgres/embedded-postgres';
import { SecretBox } from '@entrepot/identity/secret-box';
import { createMetrics } from '@entrepot/telemetry/metrics';
import type { Config } from '../config/config.ts';
import { version } from '../version.ts';
import { admitDatabase } from './admit-database.ts';
import { formatBanner } from './banner.ts';
import { composeApps } from './compose.ts';
import { makeFirstAdministrator } from './first-start.ts';
import { takeInstanceLock } from './instance-lock.ts';
import { healthOf, listParts } from './list-parts.ts';
import { openMetrics } from './metrics-server.ts';
import { openDatabase } from './open-database.ts';
import { openStorage } from './open-storage.ts';
import type { ProcessOutput } from './process-log.ts';
import { PublicPort } from './public-port.ts';
import { Readiness } from './readiness.ts';
import { loadSecretKey, secretKeySource } from './secret-key.ts';
import { checkStorageIdentity } from './storage-identity.ts';
import type { RunningProduct } from './running-product.ts';
import { Teardown } from './teardown.ts';
import { trimMemory } from './trim-memory.ts';

/** Starts the whole product in this process: database, apps, one port. */
export function serve(config: Config, output: ProcessOutput): RunningProduct {
  return new Product(config, output);
}

class Product implements RunningProduct {
  readonly drainSeconds: number;
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
    this.drainSeconds = config.drainSeconds ?? 0;
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
    const teardown = this.#teardown;
    const port = new PublicPort({ config, log, teardown, drainSeconds: this.drainSeconds });
    const dataDir = await this.#takeDataDirectory();
    // before the database is started, so that a port that is taken is told at once
    await port.probe();
    const metrics = createMetrics();
    const readiness = new Readiness(this.#starting.signal);
    await openMetrics(config, { metrics, readiness }, { log, teardown });
    const { store, place } = await openStorage(config, dataDir);
    const found = await readIdentity(store);
    const database = await openDatabase({
      config,
      dataDir,
      log,
      teardown,
      signal: this.#starting.signal,
      admit: (known) => admitDatabase({ config, dataDir, found, place }, known),
      onServer: (server) => this.#watch(server),
    });
    await store.driver.probe();
    const box = new SecretBox(await loadSecretKey(dataDir, config.secretKey));
    await ensureSecretKey(database, box, secretKeySource(dataDir, config.secretKey));
    await checkStorageIdentity(database, store, place);
    const administrator = await makeFirstAdministrator(database, dataDir, config.adminPassword);
    const parts = listParts({ config, database, store, teardown, needsStorage: true });
    const registry = async (): Promise<void> => this.#starting.signal.throwIfAborted();
    const health = { registry, ...healthOf(parts) };
    const apps = await composeApps({ config, database, store, box, log, metrics, teardown, health });
    this.#starting.signal.throwIfAborted();
    const url = await port.open(apps);
    readiness.begin(parts);
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

  #watch(server: EmbeddedPostgres): void {
    this.#server = server;
    server.onExit((error) => {
      for (const listener of this.#lossListeners) listener(error);
    });
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
