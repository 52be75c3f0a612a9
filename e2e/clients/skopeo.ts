import type { ProgramResult } from '../programs.ts';
import { readLayout, type Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import type { RegistryClient } from './registry-client.ts';

/** Copies between registries and image layouts. */
export class Skopeo implements RegistryClient {
  readonly #sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  async prepare(): Promise<void> {
    await this.#sandbox.expectSuccess('skopeo', ['--version']);
  }

  async end(): Promise<void> {}

  async login(host: string, { username, password }: Credentials): Promise<ProgramResult> {
    const args = ['login', '--tls-verify=false', '-u', username, '--password-stdin', host];
    return await this.#sandbox.run('skopeo', args, { input: password });
  }

  async push(reference: string): Promise<ProgramResult> {
    return await this.#copy([], `oci:${this.#sandbox.layout.directory}:single`, `docker://${reference}`);
  }

  async pull(reference: string): Promise<string> {
    const directory = this.#sandbox.newPath();
    const result = await this.#copy([], `docker://${reference}`, `oci:${directory}`);
    if (result.code !== 0) throw new Error(result.output);
    return readLayout(directory)[0]?.digest ?? '';
  }

  async pushIndex(reference: string): Promise<ProgramResult> {
    return await this.#copy(
      ['--all'],
      `oci:${this.#sandbox.layout.directory}:multi`,
      `docker://${reference}`,
    );
  }

  async list(repository: string): Promise<string[]> {
    const args = ['list-tags', '--tls-verify=false', `docker://${repository}`];
    const { stdout } = await this.#sandbox.expectSuccess('skopeo', args);
    return (JSON.parse(stdout) as { Tags: string[] }).Tags;
  }

  async copy(from: string, to: string): Promise<ProgramResult> {
    return await this.#copy([], `docker://${from}`, `docker://${to}`);
  }

  async delete(reference: string): Promise<ProgramResult> {
    return await this.#sandbox.run('skopeo', ['delete', '--tls-verify=false', `docker://${reference}`]);
  }

  async #copy(flags: readonly string[], from: string, to: string): Promise<ProgramResult> {
    const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    return await this.#sandbox.run('skopeo', ['copy', '--insecure-policy', ...plain, ...flags, from, to]);
  }
}
