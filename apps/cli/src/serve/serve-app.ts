import { ensureSecretKey } from '@entrepot/access/bootstrap';
import { readIdentity } from '@entrepot/content-store/identity';
import { inspectDatabase } from '@entrepot/database/database-content';
import { SecretBox } from '@entrepot/identity/secret-box';
import { createMetrics } from '@entrepot/telemetry/metrics';
import type { AppName } from '../commands/command-line.ts';
import type { Config } from '../config/config.ts';
import { version } from '../version.ts';
import { admitDatabase } from './admit-database.ts';
import { awaitSchema } from './await-schema.ts';
import {
  makeSigningKey,
  startAccess,
  startCore,
  startJobservice,
  startRegistry,
  type ComposeOptions,
} from './compose.ts';
import { makeSharedAdministrator } from './first-start.ts';
import type { FrontApps } from './front.ts';
import { healthOf, listParts } from './list-parts.ts';
import { openMetrics } from './metrics-server.ts';
import { cannotUse, connectUntilTeardown } from './open-database.ts';
import { openStorage } from './open-storage.ts';
import type { ProcessOutput } from './process-log.ts';
import { PublicPort } from './public-port.ts';
import { Readiness } from './readiness.ts';
import type { RunningProduct } from './running-product.ts';
import { requireServiceSettings } from './service-settings.ts';
import { checkStorageIdentity } from './storage-identity.ts';
import { Teardown } from './teardown.ts';
import { trimMemory } from './trim-memory.ts';

const usualDrainSeconds = 5;

/** Starts one app in this process, beside others on the same database and storage. */
export function serveApp(app: AppName, config: Config, output: ProcessOutput): RunningProduct {
  return new AppProcess(app, config, output);
}

class AppProcess implements RunningProduct {
  readonly drainSeconds: number;
  readonly ready: Promise<void>;
  readonly #app: AppName;
  readonly #config: Config;
  readonly #output: ProcessOutput;
  readonly #teardown: Teardown;
  readonly #stopping = new AbortController();

  constructor(app: AppName, config: Config, output: ProcessOutput) {
    this.#app = app;
    this.#config = config;
    this.#output = output;
    // nobody sends requests to jobservice, and its tasks are given back at once
    this.drainSeconds = app === 'jobservice' ? 0 : (config.drainSeconds ?? usualDrainSeconds);
    this.#teardown = new Teardown(output.log);
    this.ready = this.#start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.ready.catch(() => undefined);
    await this.#teardown.run();
  }

  abandon(): void {
    // the database is somebody else's
  }

  onLoss(): void {
    // a database that is away comes back, and is waited for
  }

  async #start(): Promise<void> {
    const config = this.#config;
    const { log } = this.#output;
    const teardown = this.#teardown;
    const settings = requireServiceSettings(config);
    const port = this.#choosePort();
    const metrics = createMetrics();
    const readiness = new Readiness(this.#stopping.signal);
    await openMetrics(config, { metrics, readiness }, { log, teardown });
    await awaitSchema({ where: settings.where, log, signal: this.#stopping.signal });
    const database = await connectUntilTeardown(settings.where, { config, teardown }).catch(cannotUse);
    const { store, place } = await openStorage(config, config.data);
    const found = await readIdentity(store);
    const { instance } = await inspectDatabase(database.connection);
    await admitDatabase({ config, dataDir: config.data, found, place }, instance);
    await store.driver.probe();
    const box = new SecretBox(settings.secretKey);
    await ensureSecretKey(database, box);
    await checkStorageIdentity(database, store, place);
    // a push and a pull end at the storage; core only shows it
    const needsStorage = this.#app === 'registry';
    const parts = listParts({ config, database, store, teardown, needsStorage });
    const health = healthOf(parts);
    const apps = await this.#startApp({ config, database, store, box, log, metrics, teardown, health });
    this.#stopping.signal.throwIfAborted();
    const url = await port?.open(apps);
    readiness.begin(parts);
    log.info({ app: this.#app, version, ...(url === undefined ? {} : { url }) }, 'ready');
    await trimMemory(log);
  }

  #choosePort(): PublicPort | undefined {
    if (this.#app === 'jobservice') return undefined;
    const { log } = this.#output;
    const { drainSeconds } = this;
    return new PublicPort({ config: this.#config, log, teardown: this.#teardown, drainSeconds });
  }

  async #startApp(options: ComposeOptions): Promise<Partial<FrontApps>> {
    switch (this.#app) {
      case 'registry':
        return { registry: await startRegistry(options, await startAccess(options)) };
      case 'core':
        await makeSharedAdministrator(options.database, options.config.adminPassword);
        await makeSigningKey(options);
        return { core: await startCore(options, await startAccess(options)) };
      case 'jobservice':
        await startJobservice(options);
        return {};
    }
  }
}
