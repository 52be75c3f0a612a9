import type { ProgramResult } from '../programs.ts';
import { readLayout, type Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import type { RegistryClient } from './registry-client.ts';

/** go-containerregistry's command line. */
export class Crane implements RegistryClient {
  readonly #sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  async prepare(): Promise<void> {
    await this.#sandbox.expectSuccess('crane', ['version']);
  }

  async end(): Promise<void> {}

  async login(host: string, { username, password }: Credentials): Promise<ProgramResult> {
    const login = await this.#sandbox.run('crane', ['auth', 'login', host, '-u', username, '-p', password]);
    // it only stores what it was given: the first request finds out
    return login.code === 0 ? await this.#sandbox.run('crane', ['catalog', host]) : login;
  }

  async push(reference: string): Promise<ProgramResult> {
    const layout = this.#sandbox.writeLayoutOf([this.#sandbox.layout.single]);
    return await this.#sandbox.run('crane', ['push', layout, reference]);
  }

  async pull(reference: string): Promise<string> {
    const directory = this.#sandbox.newPath();
    await this.#sandbox.expectSuccess('crane', ['pull', '--format=oci', reference, directory]);
    return readLayout(directory)[0]?.digest ?? '';
  }

  async pushIndex(reference: string): Promise<ProgramResult> {
    // it pushes the layout's own index
    const layout = this.#sandbox.writeLayoutOf(this.#sandbox.layout.platforms);
    return await this.#sandbox.run('crane', ['push', '--index', layout, reference]);
  }

  async list(repository: string): Promise<string[]> {
    const { stdout } = await this.#sandbox.expectSuccess('crane', ['ls', repository]);
    return stdout.trim().split('\n');
  }

  async copy(from: string, to: string): Promise<ProgramResult> {
    return await this.#sandbox.run('crane', ['copy', from, to]);
  }

  async delete(reference: string): Promise<ProgramResult> {
    return await this.#sandbox.run('crane', ['delete', reference]);
  }
}
