import { readSettings } from '@entrepot/access/settings';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import type { getHealth, getPing, getSystemInfo, getVersion } from '@entrepot/api-contract/system';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { checkHealth } from '@entrepot/telemetry/health-check';
import type { CoreConfig } from '../../core-config.ts';
import type { Caller } from '../../http/caller.ts';

const ask = statement<{ one: number }>('system.ask', 'SELECT 1 AS one');

/** Milliseconds for which an answer about the parts holds. */
const healthMilliseconds = 1_000;

/** What the installation is and how it is. */
export class SystemService {
  readonly #config: CoreConfig;
  readonly #database: Database;
  #health: { readonly at: number; readonly answer: Promise<ResultOf<typeof getHealth>> } | undefined;

  constructor(config: CoreConfig, database: Database) {
    this.#config = config;
    this.#database = database;
  }

  get productVersion(): string {
    return this.#config.version;
  }

  /** Everybody may ask, and asking costs: an answer holds for a moment, and those who ask at once share it. */
  async health(_: InputOf<typeof getHealth>): Promise<ResultOf<typeof getHealth>> {
    const now = performance.now();
    if (this.#health === undefined || now - this.#health.at > healthMilliseconds) {
      this.#health = { at: now, answer: this.#examineAll() };
    }
    return await this.#health.answer;
  }

  async #examineAll(): Promise<ResultOf<typeof getHealth>> {
    const parts: CoreConfig['health'] = {
      core: async () => undefined,
      database: async () => void (await this.#database.run(ask)),
      ...this.#config.health,
    };
    const checks = Object.entries(parts).map(([name, check]) => checkHealth(name, check));
    const components = await Promise.all(checks);
    const status = components.every((each) => each.status === 'healthy') ? 'healthy' : 'unhealthy';
    return { status, components };
  }

  async ping(_: InputOf<typeof getPing>): Promise<ResultOf<typeof getPing>> {
    return 'Pong';
  }

  async version(_: InputOf<typeof getVersion>): Promise<ResultOf<typeof getVersion>> {
    return { version: 'v2.0' };
  }

  async info(_: InputOf<typeof getSystemInfo>, caller: Caller): Promise<ResultOf<typeof getSystemInfo>> {
    const settings = await readSettings(this.#database);
    const forEverybody = {
      auth_mode: 'db_auth',
      primary_auth_mode: false,
      self_registration: settings.selfRegistration,
      banner_message: '',
    };
    if (caller.principal.kind === 'anonymous') return forEverybody;
    const { externalUrl, version, readOnly, storageDriver } = this.#config;
    const host = caller.origin.host ?? '';
    return {
      ...forEverybody,
      current_time: new Date().toISOString(),
      registry_url: externalUrl === undefined ? host : externalUrl.replace(/^https?:\/\//, ''),
      external_url: externalUrl ?? '',
      project_creation_restriction: settings.projectCreation === 'everyone' ? 'everyone' : 'adminonly',
      has_ca_root: false,
      harbor_version: `v${version}`,
      registry_storage_provider_name: storageDriver,
      read_only: readOnly,
      notification_enable: true,
    };
  }
}
