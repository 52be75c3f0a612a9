import type { ProgramResult } from '../programs.ts';
import type { Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import type { RegistryClient } from './registry-client.ts';

const plain = '--tls-verify=false';

/** Pushes from a store of its own, in vfs. */
export class Podman implements RegistryClient {
  readonly #sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  async prepare(): Promise<void> {
    await this.#podman(['pull', '-q', `oci:${this.#sandbox.layout.directory}:single`]).then(expectSuccess);
    const { stdout } = await this.#podman(['images', '-q']);
    await this.#podman(['tag', stdout.trim(), 'localhost/app:local']).then(expectSuccess);
  }

  async end(): Promise<void> {}

  async login(host: string, { username, password }: Credentials): Promise<ProgramResult> {
    return await this.#podman(['login', plain, '-u', username, '--password-stdin', host], password);
  }

  async push(reference: string): Promise<ProgramResult> {
    return await this.#podman(['push', plain, 'localhost/app:local', reference]);
  }

  async pull(reference: string): Promise<string> {
    const fresh = ['--root', this.#sandbox.newPath(), '--runroot', this.#sandbox.newPath()];
    expectSuccess(await this.#podman([...fresh, 'pull', plain, '-q', reference]));
    const args = [...fresh, 'image', 'inspect', '--format', '{{.Digest}}', reference];
    return expectSuccess(await this.#podman(args)).stdout.trim();
  }

  async pushIndex(reference: string): Promise<ProgramResult> {
    const { directory } = this.#sandbox.layout;
    await this.#podman(['manifest', 'create', 'localhost/multi:local']).then(expectSuccess);
    const source = `oci:${directory}:multi`;
    await this.#podman(['manifest', 'add', '--all', 'localhost/multi:local', source]).then(expectSuccess);
    return await this.#podman([
      'manifest',
      'push',
      plain,
      '--all',
      'localhost/multi:local',
      `docker://${reference}`,
    ]);
  }

  async list(repository: string): Promise<string[]> {
    const args = ['search', plain, '--list-tags', '--format', 'json', repository];
    const { stdout } = expectSuccess(await this.#podman(args));
    return (JSON.parse(stdout) as { Tags: string[] }[]).flatMap(({ Tags }) => Tags);
  }

  // what it has pulled from one repository it offers to mount when it pushes to another
  async copy(from: string, to: string): Promise<ProgramResult> {
    expectSuccess(await this.#podman(['pull', plain, from]));
    return await this.#podman(['push', plain, from, to]);
  }

  async #podman(args: readonly string[], input = ''): Promise<ProgramResult> {
    return await this.#sandbox.run('podman', ['--cgroup-manager=cgroupfs', ...args], { input });
  }
}

function expectSuccess(result: ProgramResult): ProgramResult {
  if (result.code !== 0) throw new Error(result.output);
  return result;
}
