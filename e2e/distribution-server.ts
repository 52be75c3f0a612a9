import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { inheritedEnvironment } from './programs.ts';

/** An unmodified registry of distribution on a directory, open to everybody on loopback. */
export class DistributionServer {
  readonly host: string;
  readonly #child: ChildProcess;

  private constructor(host: string, child: ChildProcess) {
    this.host = host;
    this.#child = child;
  }

  /** `program`: `docker-registry` (2.8, of Debian) or `distribution` (3.1). `storage` holds `docker/registry/v2`. */
  static async start(program: string, storage: string, work: string): Promise<DistributionServer> {
    const host = `127.0.0.1:${await freePort()}`;
    const file = join(work, `${program}.yml`);
    const settings = {
      version: '0.1',
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
      http: { addr: host, secret: 'test' },
    };
    writeFileSync(file, JSON.stringify(settings));
    const env = { ...inheritedEnvironment(), OTEL_TRACES_EXPORTER: 'none' };
    const child = spawn(program, ['serve', file], { env, stdio: 'ignore' });
    const server = new DistributionServer(host, child);
    await server.#ready();
    return server;
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(late);
  }

  async #ready(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      const answer = await fetch(`http://${this.host}/v2/`).catch(() => undefined);
      if (answer?.ok === true) return;
      await sleep(100);
    }
    await this.stop();
    throw new Error(`${this.host} does not answer`);
  }
}
