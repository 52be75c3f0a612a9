import type { ProgramResult } from '../programs.ts';
import { readLayout, type Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import type { RegistryClient } from './registry-client.ts';

/** regclient's command line. */
export class Regctl implements RegistryClient {
  readonly #sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  async prepare(): Promise<void> {
    await this.#sandbox.expectSuccess('regctl', ['version']);
  }

  async end(): Promise<void> {}

  async login(host: string, { username, password }: Credentials): Promise<ProgramResult> {
    await this.#sandbox.expectSuccess('regctl', [
      'registry',
      'set',
      '--skip-check',
      '--tls',
      'disabled',
      host,
    ]);
    const args = ['registry', 'login', host, '-u', username, '--pass-stdin'];
    return await this.#sandbox.run('regctl', args, { input: password });
  }

  async push(reference: string): Promise<ProgramResult> {
    return await this.copy(`ocidir://${this.#sandbox.layout.directory}:single`, reference);
  }

  async pull(reference: string): Promise<string> {
    const directory = this.#sandbox.newPath();
    const result = await this.copy(reference, `ocidir://${directory}:pulled`);
    if (result.code !== 0) throw new Error(result.output);
    return readLayout(directory)[0]?.digest ?? '';
  }

  async pushIndex(reference: string): Promise<ProgramResult> {
    return await this.copy(`ocidir://${this.#sandbox.layout.directory}:multi`, reference);
  }

  async list(repository: string): Promise<string[]> {
    const { stdout } = await this.#sandbox.expectSuccess('regctl', ['tag', 'ls', repository]);
    return stdout.trim().split('\n');
  }

  async copy(from: string, to: string): Promise<ProgramResult> {
    return await this.#sandbox.run('regctl', ['image', 'copy', from, to]);
  }

  async delete(reference: string): Promise<ProgramResult> {
    return await this.#sandbox.run('regctl', ['manifest', 'delete', reference]);
  }
}
