import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingPrograms, titleOf, type ProgramResult } from '../programs.ts';
import { Sandbox } from '../sandbox.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';

const missing = missingPrograms(['cosign', 'crane']);

// `--signing-config` and `--trusted-root`: nothing outside of this machine is asked
const offline = ['--signing-config', 'signing.json', '--trusted-root', 'root.json'];
const byReferrers = ['--key', 'cosign.key', ...offline];
const oldScheme = ['--use-signing-config=false', '--new-bundle-format=false', '--tlog-upload=false'];
const byTag = ['--key', 'cosign.key', ...oldScheme];

describe.skipIf(missing.length > 0)(titleOf('cosign', missing), () => {
  let entrepot: Entrepot;
  let sandbox: Sandbox;

  beforeAll(async () => {
    entrepot = await startEntrepot();
    sandbox = new Sandbox('cosign');
    await entrepot.createProject('team');
    await cosign('generate-key-pair').then(expectSuccess);
    await cosign('signing-config', 'create', '--out', 'signing.json').then(expectSuccess);
    await cosign('trusted-root', 'create', '--out', 'root.json').then(expectSuccess);
    const { username, password } = entrepot.admin;
    await cosign('login', entrepot.host, '-u', username, '-p', password).then(expectSuccess);
  });
  afterAll(async () => {
    await entrepot?.remove();
    sandbox?.remove();
  });

  test('signs by referrers and verifies', async () => {
    const image = await pushImage('referrers');
    expectSuccess(await cosign('sign', '-y', ...byReferrers, '-a', 'build=42', image));
    const { output } = expectSuccess(await verify(image));
    expect(output).toContain('build');
    expect(await tagsOf('referrers')).toEqual(['v1']);
    const referrers = await listReferrers(image);
    expect(referrers).toEqual(['application/vnd.dev.sigstore.bundle.v0.3+json']);
  });

  test('signs by tag and verifies', async () => {
    const image = await pushImage('tag');
    expectSuccess(await cosign('sign', '-y', ...byTag, image));
    expectSuccess(await verify(image));
    const digest = image.split('@sha256:')[1];
    expect(await tagsOf('tag')).toEqual([`sha256-${digest}.sig`, 'v1']);
  });

  test('attests and verifies the attestation', async () => {
    const image = await pushImage('attested');
    const predicate = ['--type', 'slsaprovenance1', '--predicate', 'oci-layout.json'];
    await sandbox.expectSuccess('cp', ['layout/oci-layout', 'oci-layout.json']);
    expectSuccess(await cosign('attest', '-y', ...byReferrers, ...predicate, image));
    const key = ['--key', 'cosign.pub', '--insecure-ignore-tlog=true', '--type', 'slsaprovenance1'];
    expectSuccess(await cosign('verify-attestation', ...key, '--trusted-root', 'root.json', image));
  });

  test('finds no signature of what was not signed', async () => {
    const result = await verify(await pushImage('unsigned'));
    expect(result.code).not.toBe(0);
    expect(result.output).toMatch(/no signatures found/);
  });

  test('is told that a password is wrong', async () => {
    const other = new Sandbox('cosign-other');
    try {
      await other.expectSuccess('cosign', ['login', entrepot.host, '-u', 'admin', '-p', 'Wrong-Horse-9']);
      const result = await other.run('cosign', ['tree', `${entrepot.host}/team/tag:v1`]);
      expect(result.code).not.toBe(0);
      expect(result.output).toMatch(/unauthorized|401/i);
    } finally {
      other.remove();
    }
  });

  async function pushImage(name: string): Promise<string> {
    const reference = `${entrepot.host}/team/${name}:v1`;
    const layout = sandbox.writeLayoutOf([sandbox.layout.single]);
    await sandbox.expectSuccess('crane', ['push', layout, reference]);
    return `${entrepot.host}/team/${name}@${sandbox.layout.single.digest}`;
  }

  async function verify(image: string): Promise<ProgramResult> {
    const key = ['--key', 'cosign.pub', '--insecure-ignore-tlog=true', '--trusted-root', 'root.json'];
    return await cosign('verify', ...key, image);
  }

  async function cosign(...args: string[]): Promise<ProgramResult> {
    return await sandbox.run('cosign', args, { env: { COSIGN_PASSWORD: 'secret' } });
  }

  async function tagsOf(name: string): Promise<string[]> {
    const response = await entrepot.api('GET', `/v2/team/${name}/tags/list`);
    return ((await response.json()) as { tags: string[] }).tags;
  }

  async function listReferrers(image: string): Promise<string[]> {
    const [repository = '', digest = ''] = image.slice(entrepot.host.length + 1).split('@');
    const response = await entrepot.api('GET', `/v2/${repository}/referrers/${digest}`);
    const { manifests } = (await response.json()) as { manifests: { artifactType: string }[] };
    return manifests.map(({ artifactType }) => artifactType);
  }
});

function expectSuccess(result: ProgramResult): ProgramResult {
  expect(result.code, result.output).toBe(0);
  return result;
}
