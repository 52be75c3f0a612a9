import { expect, test } from 'vitest';
import type { ProgramResult } from '../programs.ts';
import { readLayout, type Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import { describeClient, type ClientOptions, type RegistryClient } from './registry-client-suite.ts';

class Crane implements RegistryClient {
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

// its push begins with a HEAD, whose answer has no body to explain anything with
const options: ClientOptions = {
  name: 'crane',
  programs: ['crane'],
  mounts: 'everything',
  explains: false,
  client: Crane,
};

describeClient(options, (running) => {
  test('validates what was pushed, every layer of it', async () => {
    const { entrepot, sandbox } = running;
    const reference = `${entrepot.host}/team/valid:v1`;
    const layout = sandbox.writeLayoutOf([sandbox.layout.single]);
    await sandbox.expectSuccess('crane', ['push', layout, reference]);
    const { output } = await sandbox.expectSuccess('crane', ['validate', '--remote', reference]);
    expect(output).toContain('PASS');
  });
});
