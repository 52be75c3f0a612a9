import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Descriptor } from '../image-layout.ts';
import { missingPrograms, titleOf, type ProgramResult } from '../programs.ts';
import { Sandbox } from '../sandbox.ts';
import type { RegistryClient } from './registry-client.ts';
import { basic, startEntrepot, type Entrepot } from '../stack.ts';

/** What a client is and can do. */
export interface ClientOptions {
  readonly name: string;
  /** The programs that it takes. */
  readonly programs: readonly string[];
  /** What {@link RegistryClient.copy} asks to be mounted: some send the configuration again. */
  readonly mounts?: 'everything' | 'layers';
  /** Whether it shows the registry's words when a push is refused; default true. */
  readonly explains?: boolean;
  /** The tag of what {@link RegistryClient.push} pushes; default `v1`. */
  readonly tag?: string;
  readonly client: new (sandbox: Sandbox) => RegistryClient;
}

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** The digest of a manifest, asked of the registry without the client; `undefined` when it is not there. */
export async function findDigest(
  entrepot: Entrepot,
  repository: string,
  reference: string,
): Promise<string | undefined> {
  const response = await fetch(`${entrepot.url}/v2/${repository}/manifests/${reference}`, {
    method: 'HEAD',
    headers: { Accept: manifestTypes, Authorization: basic(entrepot.admin) },
  });
  return response.headers.get('docker-content-digest') ?? undefined;
}

/** What every client must be able to do with the product. `more` adds what only this one can. */
export function describeClient(
  options: ClientOptions,
  more: (running: { entrepot: Entrepot; sandbox: Sandbox }) => void = () => undefined,
): void {
  const missing = missingPrograms(options.programs);
  describe.skipIf(missing.length > 0)(titleOf(options.name, missing), () => {
    const running = {} as { entrepot: Entrepot; sandbox: Sandbox; client: RegistryClient };
    beforeAll(async () => {
      running.entrepot = await startEntrepot();
      running.sandbox = new Sandbox(options.name);
      running.client = new options.client(running.sandbox);
      await running.client.prepare();
      await running.entrepot.createProject('team');
      await running.entrepot.createProject('other');
    });
    afterAll(async () => {
      await running.client?.end();
      await running.entrepot?.remove();
      running.sandbox?.remove();
    });
    describeRefusals(running, options);
    describeTransfers(running, options);
    more(running);
  });
}

type Running = { readonly entrepot: Entrepot; readonly client: RegistryClient };

function describeRefusals(running: Running, options: ClientOptions): void {
  test('is told that a password is wrong', async () => {
    const { client, entrepot } = running;
    const result = await client.login(entrepot.host, { username: 'admin', password: 'Wrong-Horse-9' });
    expect(result.code, result.output).not.toBe(0);
    expect(result.output).toMatch(/unauthorized|incorrect|invalid username\/password|401/i);
  });

  test('logs in, pushes, and pulls the same digest back', async () => {
    const { client, entrepot } = running;
    expectSuccess(await client.login(entrepot.host, entrepot.admin));
    expectSuccess(await client.push(`${entrepot.host}/team/app:v1`));
    const digest = await findDigest(entrepot, 'team/app', options.tag ?? 'v1');
    expect(digest).toMatch(/^sha256:/);
    expect(await client.pull(`${entrepot.host}/team/app:v1`)).toBe(digest);
  });

  test(
    options.explains === false
      ? 'is refused a push to a project that does not exist'
      : 'is told that the project of a push does not exist',
    async () => {
      const { client, entrepot } = running;
      const result = await client.push(`${entrepot.host}/nowhere/app:v1`);
      expect(result.code, result.output).not.toBe(0);
      expect(result.output).toMatch(
        options.explains === false
          ? /401|unauthorized|authorization failed/i
          : /project nowhere does not exist/,
      );
    },
  );
}

function describeTransfers(running: Running, options: ClientOptions): void {
  const can = (ability: keyof RegistryClient): boolean => ability in options.client.prototype;
  if (can('list')) describeList(running);
  if (can('pushIndex')) describeIndex(running);
  if (can('copy')) describeCopy(running, options);

  test('finds nothing at a digest that was deleted', async () => {
    const { client, entrepot } = running;
    const tag = options.tag ?? 'v1';
    const digest = await findDigest(entrepot, 'team/app', tag);
    if (client.delete !== undefined)
      expectSuccess(await client.delete(`${entrepot.host}/team/app@${digest}`));
    else expect((await entrepot.api('DELETE', `/v2/team/app/manifests/${digest}`)).status).toBe(202);
    expect(await findDigest(entrepot, 'team/app', tag)).toBeUndefined();
    await expect(client.pull(`${entrepot.host}/team/app:v1`)).rejects.toThrow(/not found|unknown|404/i);
  });
}

function describeList(running: Running): void {
  test('lists tags', async () => {
    const { client, entrepot } = running;
    expect(await client.list?.(`${entrepot.host}/team/app`)).toEqual(['v1']);
  });
}

function describeIndex(running: Running): void {
  test('pushes and pulls an index of two platforms', async () => {
    const { client, entrepot } = running;
    expectSuccess(await client.pushIndex?.(`${entrepot.host}/team/multi:v1`));
    const response = await entrepot.api('GET', '/v2/team/multi/manifests/v1');
    const { manifests = [] } = (await response.json()) as { manifests?: Descriptor[] };
    expect(manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    const pulled = await client.pull(`${entrepot.host}/team/multi:v1`);
    // some keep the index, others the image of their own platform
    const index = response.headers.get('docker-content-digest');
    expect([index, ...manifests.map(({ digest }) => digest)]).toContain(pulled);
  });
}

function describeCopy(running: Running, { mounts }: ClientOptions): void {
  const how = mounts === undefined ? '' : ` by mounting ${mounts}`;
  test(`copies to another repository${how}`, async () => {
    const { client, entrepot } = running;
    expectSuccess(await client.copy?.(`${entrepot.host}/team/app:v1`, `${entrepot.host}/other/copy:v1`));
    const digest = await findDigest(entrepot, 'team/app', 'v1');
    expect(await findDigest(entrepot, 'other/copy', 'v1')).toBe(digest);
    if (mounts === undefined) return;
    const uploads = '/v2/other/copy/blobs/uploads/';
    // lines wait for others a moment, and the manifest's comes last
    const pushed = () => entrepot.log.countRequests('PUT', '/v2/other/copy/manifests/', 201);
    await expect.poll(pushed).toBeGreaterThan(0);
    expect(entrepot.log.countRequests('POST', uploads, 201)).toBeGreaterThan(0);
    expect(entrepot.log.countRequests('PUT', uploads, 201)).toBe(mounts === 'layers' ? 1 : 0);
  });
}

function expectSuccess(result: ProgramResult | undefined): void {
  expect(result?.code, result?.output).toBe(0);
}
