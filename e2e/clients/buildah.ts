import type { ProgramResult } from '../programs.ts';
import type { Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import type { RegistryClient } from './registry-client.ts';

const plain = '--tls-verify=false';

/** Builds two images from scratch, and pushes them. */
export class Buildah implements RegistryClient {
  readonly #sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  async prepare(): Promise<void> {
    for (const platform of ['amd64', 'arm64']) {
      const { stdout } = expectSuccess(await this.#buildah(['from', '--arch', platform, 'scratch']));
      const container = stdout.trim();
      const files = [container, this.#layerFile(), '/data'];
      expectSuccess(await this.#buildah(['copy', ...files]));
      expectSuccess(await this.#buildah(['config', '--arch', platform, container]));
      const commit = [
        'commit',
        '--manifest',
        'localhost/multi:local',
        container,
        `localhost/app:${platform}`,
      ];
      expectSuccess(await this.#buildah(commit));
    }
  }

  async end(): Promise<void> {}

  async login(host: string, { username, password }: Credentials): Promise<ProgramResult> {
    return await this.#buildah(['login', plain, '-u', username, '--password-stdin', host], password);
  }

  async push(reference: string): Promise<ProgramResult> {
    return await this.#buildah(['push', plain, 'localhost/app:amd64', `docker://${reference}`]);
  }

  async pull(reference: string): Promise<string> {
    const fresh = ['--root', this.#sandbox.newPath(), '--runroot', this.#sandbox.newPath()];
    expectSuccess(await this.#buildah([...fresh, 'pull', plain, '-q', reference]));
    const args = [...fresh, 'inspect', '--type', 'image', '--format', '{{.FromImageDigest}}', reference];
    return expectSuccess(await this.#buildah(args)).stdout.trim();
  }

  async pushIndex(reference: string): Promise<ProgramResult> {
    const args = ['manifest', 'push', plain, '--all', 'localhost/multi:local', `docker://${reference}`];
    return await this.#buildah(args);
  }

  // what it has pulled from one repository it offers to mount when it pushes to another
  async copy(from: string, to: string): Promise<ProgramResult> {
    expectSuccess(await this.#buildah(['pull', plain, from]));
    return await this.#buildah(['push', plain, from, `docker://${to}`]);
  }

  #layerFile(): string {
    const { directory, layer } = this.#sandbox.layout;
    return `${directory}/blobs/${layer.digest.replace(':', '/')}`;
  }

  async #buildah(args: readonly string[], input = ''): Promise<ProgramResult> {
    return await this.#sandbox.run('buildah', args, { input });
  }
}

function expectSuccess(result: ProgramResult): ProgramResult {
  if (result.code !== 0) throw new Error(result.output);
  return result;
}
