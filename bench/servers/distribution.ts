import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readUsage, type Usage } from './process-usage.ts';
import { end, freePort, launch, waitUntilReady, type Server } from './server.ts';
import { issuer, service, type KeyIdForm, type TokenAuthority } from './token-authority.ts';

/** A release of distribution. */
interface Release {
  readonly name: 'distribution' | 'docker-registry';
  readonly program: string;
  readonly keyId: KeyIdForm;
}

const tools = process.env['ENTREPOT_TEST_TOOLS'] ?? join(homedir(), '.cache/entrepot-test-tools');

/** distribution 3.1.2, and 2.8.2 as Debian packages it. */
export const releases: readonly Release[] = [
  { name: 'distribution', program: join(tools, 'distribution'), keyId: 'thumbprint' },
  { name: 'docker-registry', program: '/usr/bin/docker-registry', keyId: 'libtrust' },
];

/** Whether this machine has the program. */
export function isInstalled(release: Release): boolean {
  return existsSync(release.program);
}

/** distribution on the file system: its cache of descriptors in memory, and no line of log for each request. */
export class Distribution implements Server {
  readonly name: Release['name'];
  readonly port: number;
  readonly #authority: TokenAuthority;
  readonly #keyId: KeyIdForm;
  readonly #child: ChildProcess;

  private constructor(release: Release, port: number, folder: string, authority: TokenAuthority) {
    this.name = release.name;
    this.port = port;
    this.#authority = authority;
    this.#keyId = release.keyId;
    mkdirSync(folder, { recursive: true });
    const file = `${folder}/config.yml`;
    writeFileSync(file, configuration(port, folder, authority.certificate));
    const env = { OTEL_TRACES_EXPORTER: 'none' };
    this.#child = launch({ program: release.program, args: ['serve', file], env, folder });
  }

  static async start(release: Release, folder: string, authority: TokenAuthority): Promise<Distribution> {
    const server = new Distribution(release, await freePort(), folder, authority);
    try {
      await waitUntilReady(server.#child, `http://127.0.0.1:${server.port}/v2/`, [401]);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  token(repository: string): Promise<string> {
    return Promise.resolve(this.#authority.token(repository, this.#keyId));
  }

  usage(): Usage {
    return readUsage(this.#child.pid === undefined ? [] : [this.#child.pid]);
  }

  /** It puts nothing off. */
  async settle(): Promise<void> {}

  async stop(): Promise<void> {
    await end(this.#child);
  }
}

function configuration(port: number, folder: string, certificate: string): string {
  return JSON.stringify({
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: `${folder}/data` },
      delete: { enabled: true },
      cache: { blobdescriptor: 'inmemory' },
    },
    http: { addr: `127.0.0.1:${port}`, secret: 'bench' },
    auth: {
      token: { realm: `http://127.0.0.1:${port}/token`, service, issuer, rootcertbundle: certificate },
    },
  });
}
