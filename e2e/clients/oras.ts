import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ProgramResult } from '../programs.ts';
import type { Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import type { RegistryClient } from './registry-client.ts';

const plain = '--plain-http';
const file = 'notes.bin';

/** Artifacts of any kind: pushes a file. */
export class Oras implements RegistryClient {
  readonly #sandbox: Sandbox;
  readonly #bytes: Buffer;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.#bytes = randomBytes(sandbox.layerBytes);
  }

  async prepare(): Promise<void> {
    writeFileSync(this.#sandbox.path(file), this.#bytes);
    await this.#sandbox.expectSuccess('oras', ['version']);
  }

  async end(): Promise<void> {}

  async login(host: string, { username, password }: Credentials): Promise<ProgramResult> {
    const args = ['login', plain, '-u', username, '--password-stdin', host];
    return await this.#sandbox.run('oras', args, { input: password });
  }

  async push(reference: string): Promise<ProgramResult> {
    const type = ['--artifact-type', 'application/vnd.example.notes'];
    return await this.#sandbox.run('oras', ['push', plain, ...type, reference, `${file}:text/plain`]);
  }

  async pull(reference: string): Promise<string> {
    const directory = this.#sandbox.newPath();
    mkdirSync(directory);
    const result = await this.#sandbox.expectSuccess('oras', ['pull', plain, '-o', directory, reference]);
    if (result.output.includes('notes.bin')) {
      expect(readFileSync(join(directory, file)).equals(this.#bytes)).toBe(true);
    }
    const printed = /Digest: (sha256:[0-9a-f]{64})/.exec(result.output)?.[1];
    // it prints none when the layers have no file names, as those of images
    const resolve = (): Promise<ProgramResult> =>
      this.#sandbox.expectSuccess('oras', ['resolve', plain, reference]);
    return printed ?? (await resolve()).stdout.trim();
  }

  async pushIndex(reference: string): Promise<ProgramResult> {
    const from = `${this.#sandbox.layout.directory}:multi`;
    return await this.#sandbox.run('oras', ['copy', '--from-oci-layout', '--to-plain-http', from, reference]);
  }

  async list(repository: string): Promise<string[]> {
    const { stdout } = await this.#sandbox.expectSuccess('oras', ['repo', 'tags', plain, repository]);
    return stdout.trim().split('\n');
  }

  async copy(from: string, to: string): Promise<ProgramResult> {
    return await this.#sandbox.run('oras', ['copy', '--from-plain-http', '--to-plain-http', from, to]);
  }

  async delete(reference: string): Promise<ProgramResult> {
    return await this.#sandbox.run('oras', ['manifest', 'delete', plain, '--force', reference]);
  }
}
