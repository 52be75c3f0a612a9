import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inheritedEnvironment, missingPrograms, runProgram, titleOf } from '../programs.ts';
import { Sandbox } from '../sandbox.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';

const main = resolve(import.meta.dirname, '../../apps/cli/dist/main.js');
const missing = missingPrograms(['crane', 'skopeo']);

describe.skipIf(missing.length > 0)(titleOf('entrepot verify', missing), () => {
  let entrepot: Entrepot;
  let box: Sandbox;
  let image: string;

  beforeAll(async () => {
    entrepot = await startEntrepot();
    box = new Sandbox('verify', 100_000);
    const { username, password } = entrepot.admin;
    await box.expectSuccess('crane', ['auth', 'login', entrepot.host, '-u', username, '-p', password]);
    image = `${entrepot.host}/library/app:v1`;
    await push();
  });
  afterAll(async () => {
    await entrepot.remove();
    box.remove();
  });

  /** It asks for each blob; others are content when the manifest is there. */
  async function push() {
    const layout = `oci:${box.writeLayoutOf([box.layout.single])}`;
    const { username, password } = entrepot.admin;
    const account = ['--dest-tls-verify=false', `--dest-creds=${username}:${password}`];
    return await box.expectSuccess('skopeo', ['copy', ...account, layout, `docker://${image}`]);
  }

  async function pull() {
    return await box.run('crane', ['pull', '--format=oci', image, box.newPath()]);
  }

  async function verify(...options: string[]) {
    const env = { ...inheritedEnvironment(), ENTREPOT_DATA: entrepot.dataDir };
    return await runProgram(process.execPath, [main, 'verify', ...options], { env });
  }

  function pathOf(digest: string): string {
    const hex = digest.slice('sha256:'.length);
    return join(entrepot.dataDir, 'storage/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
  }

  async function layers(): Promise<string[]> {
    const { stdout } = await box.expectSuccess('crane', ['manifest', image]);
    return (JSON.parse(stdout) as { layers: { digest: string }[] }).layers.map(({ digest }) => digest);
  }

  it('says that nothing is wrong, while the server runs', async () => {
    const { code, output } = await verify('--sample', '100');
    expect(output).toContain('Nothing is wrong.');
    expect(code).toBe(0);
  });

  it.each([
    ['cut short', 'of another size', (path: string) => truncateSync(path, 1_000)],
    ['gone', 'not in the storage', (path: string) => rmSync(path)],
    [
      'flipped',
      'the bytes have another digest',
      (path: string) => {
        const bytes = readFileSync(path);
        bytes[100] = bytes[100]! ^ 1;
        writeFileSync(path, bytes);
      },
    ],
  ])('finds bytes that are %s, and the next push heals them', async (_, words, spoil) => {
    const [layer = ''] = await layers();
    spoil(pathOf(layer));
    const found = await verify('--sample', '100');
    expect(found.output).toContain(layer);
    expect(found.output).toContain(words);
    expect(found.code).toBe(3);
    const repaired = await verify('--sample', '100', '--repair', '--most-wrong', '50');
    expect(repaired.output).toContain('Repaired');
    expect(repaired.code).toBe(0);
    expect((await pull()).code).not.toBe(0);
    await push();
    expect((await pull()).code).toBe(0);
    expect((await verify('--sample', '100')).code).toBe(0);
  });

  it('repairs nothing in a storage that has lost too much', async () => {
    const blobs = join(entrepot.dataDir, 'storage/docker/registry/v2/blobs');
    renameSync(blobs, `${blobs}-away`);
    const refused = await verify('--repair');
    renameSync(`${blobs}-away`, blobs);
    expect(refused.output).toContain('Nothing was repaired: more than 1 per cent is wrong');
    expect(refused.code).toBe(3);
    expect((await verify('--sample', '100')).code).toBe(0);
    expect((await pull()).code).toBe(0);
  });
});
