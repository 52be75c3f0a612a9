import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ProgramResult } from '../programs.ts';
import type { Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import type { RegistryClient } from './registry-client.ts';

const plain = '--plain-http';

/** Charts have their name and version in them: `team/app:v1` becomes the chart `app` of version 1.0.0 in `team`. */
export class Helm implements RegistryClient {
  readonly #sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  async prepare(): Promise<void> {
    await this.#sandbox.expectSuccess('helm', ['create', 'app']);
    writeFileSync(this.#sandbox.path('app/data.bin'), randomBytes(this.#sandbox.layerBytes));
    await this.#sandbox.expectSuccess('helm', ['package', 'app', '--version', '1.0.0']);
  }

  async end(): Promise<void> {}

  async login(host: string, { username, password }: Credentials): Promise<ProgramResult> {
    const args = ['registry', 'login', host, plain, '-u', username, '--password-stdin'];
    return await this.#sandbox.run('helm', args, { input: password });
  }

  async push(reference: string): Promise<ProgramResult> {
    const project = reference.slice(0, reference.lastIndexOf('/'));
    return await this.#sandbox.run('helm', ['push', 'app-1.0.0.tgz', `oci://${project}`, plain]);
  }

  async pull(reference: string): Promise<string> {
    const directory = this.#sandbox.newPath();
    mkdirSync(directory);
    const chart = reference.replace(/:[^:/]+$/, '');
    const args = ['pull', `oci://${chart}`, '--version', '1.0.0', plain, '-d', directory];
    const { output } = await this.#sandbox.expectSuccess('helm', args);
    const [file = ''] = readdirSync(directory);
    const pushed = readFileSync(this.#sandbox.path('app-1.0.0.tgz'));
    expect(readFileSync(join(directory, file)).equals(pushed)).toBe(true);
    return /Digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1] ?? '';
  }
}
