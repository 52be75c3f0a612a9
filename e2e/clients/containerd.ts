import { Daemon } from '../daemon.ts';
import type { ProgramResult } from '../programs.ts';
import type { Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import type { RegistryClient } from './registry-client.ts';

/** containerd, driven by ctr. */
export class Containerd implements RegistryClient {
  readonly #sandbox: Sandbox;
  readonly #daemon: Daemon;
  #user = '';

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.#daemon = new Daemon(sandbox);
  }

  async prepare(): Promise<void> {
    await this.#daemon.startContainerd();
    const archive = this.#sandbox.path('layout.tar');
    const { directory } = this.#sandbox.layout;
    await this.#sandbox.expectSuccess('tar', ['-C', directory, '-cf', archive, '.']);
    const args = ['images', 'import', '--all-platforms', '--no-unpack', '--base-name', 'local', archive];
    expectSuccess(await this.#ctr(args));
  }

  async end(): Promise<void> {
    await this.#daemon.stop();
  }

  // it has no log-in of its own: each command is given the user
  async login(host: string, { username, password }: Credentials): Promise<ProgramResult> {
    this.#user = `${username}:${password}`;
    return await this.push(`${host}/team/login:v1`);
  }

  async push(reference: string): Promise<ProgramResult> {
    return await this.#push(reference, 'local:single');
  }

  async pull(reference: string): Promise<string> {
    await this.#ctr(['images', 'rm', reference]);
    const args = [
      'images',
      'pull',
      '--all-platforms',
      '--snapshotter',
      'native',
      ...this.#access(),
      reference,
    ];
    expectSuccess(await this.#ctr(args));
    const { stdout } = expectSuccess(await this.#ctr(['images', 'ls', `name==${reference}`]));
    return /sha256:[0-9a-f]{64}/.exec(stdout)?.[0] ?? '';
  }

  async pushIndex(reference: string): Promise<ProgramResult> {
    return await this.#push(reference, 'local:multi');
  }

  // content remembers the repository that it came from, and is offered to be mounted from there
  async copy(from: string, to: string): Promise<ProgramResult> {
    await this.pull(from);
    return await this.#push(to, from);
  }

  async #push(reference: string, local: string): Promise<ProgramResult> {
    return await this.#ctr(['images', 'push', ...this.#access(), reference, local]);
  }

  #access(): string[] {
    return ['--plain-http', '--user', this.#user];
  }

  async #ctr(args: readonly string[]): Promise<ProgramResult> {
    return await this.#sandbox.run('ctr', ['--address', this.#daemon.containerdSocket, ...args]);
  }
}

function expectSuccess(result: ProgramResult): ProgramResult {
  if (result.code !== 0) throw new Error(result.output);
  return result;
}
