import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Config } from '../config/config.ts';
import { Front, type FrontApps } from './front.ts';
import { probeAddress, publicSettings } from './listen.ts';
import type { Teardown } from './teardown.ts';
import { readTls, watchTls, type TlsFiles, type TlsMaterial } from './tls-files.ts';

// what requests in flight get of the 15 seconds that a stop may take
const drainMs = 9_000;
// longer than the proxy in front keeps its connections (deploy/services)
const idleMs = 3_000;

/** What a {@link PublicPort} needs. */
export interface PublicPortOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly teardown: Teardown;
  /** Seconds for which requests are still taken once the stop has begun. */
  readonly drainSeconds: number;
}

/** The port of the settings, with TLS where they say so: proved early, opened late, drained at the end. */
export class PublicPort {
  readonly #options: PublicPortOptions;
  readonly #tlsFiles: TlsFiles | undefined;
  readonly #tls: TlsMaterial | undefined;

  /** Reads the certificate. Throws `CONFIG_INVALID` when that cannot be used. */
  constructor(options: PublicPortOptions) {
    this.#options = options;
    this.#tlsFiles = tlsFilesOf(options.config);
    this.#tls = this.#tlsFiles && readTls(this.#tlsFiles);
  }

  /**
   * Proves that the port can be had, before anything is started. Not behind a proxy: what it sends at that moment
   * would be lost. Throws `CONFIG_INVALID`.
   */
  async probe(): Promise<void> {
    const { config, log } = this.#options;
    await probeAddress({
      host: config.httpHost,
      port: config.httpPort,
      settings: publicSettings,
      log,
    });
  }

  /** Takes requests for the apps, until the teardown. Returns the URL. Throws `CONFIG_INVALID`. */
  async open(apps: Partial<FrontApps>): Promise<string> {
    const { config, log, teardown } = this.#options;
    const front = new Front(apps, this.#tls, log);
    const port = await front.start(config.httpHost, config.httpPort);
    const drainLimit = this.#options.drainSeconds * 1_000 + drainMs + 1_000;
    teardown.add('requests', drainLimit, () => this.#drain(front));
    if (this.#tlsFiles !== undefined) {
      const unwatch = watchTls(this.#tlsFiles, log, (material) => front.renewTls(material));
      teardown.add('certificate', 1_000, async () => unwatch());
    }
    const scheme = this.#tls === undefined ? 'http' : 'https';
    return config.externalUrl ?? `${scheme}://${shownHost(config.httpHost)}:${port}`;
  }

  // readiness fails since the stop began: balancers get their time to see it
  async #drain(front: Front): Promise<void> {
    const { drainSeconds } = this.#options;
    await sleep(drainSeconds * 1_000);
    await front.stop(drainMs, drainSeconds === 0 ? 0 : idleMs);
  }
}

function tlsFilesOf({ tlsCertFile, tlsKeyFile }: Config): TlsFiles | undefined {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  return { certFile: tlsCertFile, keyFile: tlsKeyFile };
}

function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
