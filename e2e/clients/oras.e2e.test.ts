import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ProgramResult } from '../programs.ts';
import type { Sandbox } from '../sandbox.ts';
import type { Credentials } from '../stack.ts';
import { describeClient, findDigest, type RegistryClient } from './registry-client-suite.ts';

const plain = '--plain-http';
const file = 'notes.bin';

class Oras implements RegistryClient {
  readonly #sandbox: Sandbox;
  readonly #bytes = randomBytes(300_000);

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
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
    return /Digest: (sha256:[0-9a-f]{64})/.exec(result.output)?.[1] ?? '';
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

describeClient(
  { name: 'oras', programs: ['oras'], mounts: 'everything', explains: false, client: Oras },
  (running) => {
    test('attaches a document and discovers it, by type and without', async () => {
      const { entrepot, sandbox } = running;
      const reference = `${entrepot.host}/team/multi:v1`;
      writeFileSync(sandbox.path('sbom.json'), '{"spdxVersion":"SPDX-2.3"}');
      const type = ['--artifact-type', 'application/spdx+json'];
      await sandbox.expectSuccess('oras', [
        'attach',
        plain,
        ...type,
        reference,
        'sbom.json:application/spdx+json',
      ]);
      for (const [filter, count] of [
        ['application/spdx+json', 1],
        ['application/other', 0],
      ] as const) {
        const args = ['discover', plain, '--format', 'json', '--artifact-type', filter, reference];
        const { stdout } = await sandbox.expectSuccess('oras', args);
        const { referrers = [] } = JSON.parse(stdout) as { referrers?: { artifactType: string }[] };
        expect(referrers).toHaveLength(count);
      }
      expect(await findDigest(entrepot, 'team/multi', 'v1')).toBe(sandbox.layout.multi.digest);
    });
  },
);
