import type { ProgramResult } from '../programs.ts';
import { Daemon } from '../daemon.ts';
import { writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tarOf } from '../image-layout.ts';
import type { Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import type { RegistryClient } from './registry-client.ts';

/** The command line and a dockerd of its own. */
export class Docker implements RegistryClient {
  readonly #sandbox: Sandbox;
  readonly #daemon: Daemon;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.#daemon = new Daemon(sandbox);
  }

  async prepare(): Promise<void> {
    await this.#daemon.startDocker();
    for (const platform of ['amd64', 'arm64']) {
      const layer = tarOf({
        'data.bin': randomBytes(this.#sandbox.layerBytes),
        hello: Buffer.from(platform),
      });
      writeFileSync(this.#sandbox.path(`${platform}.tar`), layer);
      const file = this.#sandbox.path(`${platform}.tar`);
      expectSuccess(await this.#docker(['import', file, `app:${platform}`]));
    }
  }

  async end(): Promise<void> {
    await this.#daemon.stop();
  }

  async login(host: string, { username, password }: Credentials): Promise<ProgramResult> {
    return await this.#docker(['login', host, '-u', username, '--password-stdin'], password);
  }

  async push(reference: string): Promise<ProgramResult> {
    return await this.#pushAs('app:amd64', reference);
  }

  async pull(reference: string): Promise<string> {
    await this.#docker(['rmi', '--force', reference]);
    const { output } = expectSuccess(await this.#docker(['pull', reference]));
    return /Digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1] ?? '';
  }

  async pushIndex(reference: string): Promise<ProgramResult> {
    const parts = ['amd64', 'arm64'].map((platform) => ({ platform, part: `${reference}-${platform}` }));
    for (const { platform, part } of parts) expectSuccess(await this.#pushAs(`app:${platform}`, part));
    const names = parts.map(({ part }) => part);
    expectSuccess(await this.#docker(['manifest', 'create', '--insecure', reference, ...names]));
    const annotation = ['--os', 'linux', '--arch', 'arm64', reference, `${reference}-arm64`];
    expectSuccess(await this.#docker(['manifest', 'annotate', ...annotation]));
    return await this.#docker(['manifest', 'push', '--insecure', reference]);
  }

  // the daemon remembers where a layer came from, and offers to mount it from there
  async copy(from: string, to: string): Promise<ProgramResult> {
    return await this.#pushAs(from, to);
  }

  async #pushAs(local: string, reference: string): Promise<ProgramResult> {
    expectSuccess(await this.#docker(['tag', local, reference]));
    return await this.#docker(['push', reference]);
  }

  async #docker(args: readonly string[], input = ''): Promise<ProgramResult> {
    return await this.#sandbox.run('docker', ['-H', this.#daemon.dockerHost, ...args], { input });
  }
}

function expectSuccess(result: ProgramResult): ProgramResult {
  if (result.code !== 0) throw new Error(result.output);
  return result;
}
