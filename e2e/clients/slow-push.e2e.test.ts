import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingPrograms, titleOf, type ProgramResult } from '../programs.ts';
import { Sandbox } from '../sandbox.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';
import { ThrottlingProxy } from '../throttling-proxy.ts';
import { Buildah } from './buildah.ts';
import { Containerd } from './containerd.ts';
import { Crane } from './crane.ts';
import { Docker } from './docker.ts';
import { Helm } from './helm.ts';
import { Oras } from './oras.ts';
import { Podman } from './podman.ts';
import type { RegistryClient } from './registry-client.ts';
import { findDigest } from './registry-client-suite.ts';
import { Regctl } from './regctl.ts';
import { Skopeo } from './skopeo.ts';

const tokenSeconds = 60;
/** What verifiers allow clocks to differ by: a token is refused only when it is older than both together. */
const leewaySeconds = 60;
/** How long a layer is on its way. */
const transferSeconds = Number(process.env['ENTREPOT_TEST_SLOW_PUSH_SECONDS'] ?? 180);
const layerBytes = 3_000_000;

interface SlowClient {
  readonly name: string;
  readonly programs: readonly string[];
  readonly client: new (sandbox: Sandbox) => RegistryClient;
  readonly tag?: string;
}

const clients: readonly SlowClient[] = [
  { name: 'docker', programs: ['docker', 'dockerd', 'containerd'], client: Docker },
  { name: 'podman', programs: ['podman'], client: Podman },
  { name: 'buildah', programs: ['buildah'], client: Buildah },
  { name: 'skopeo', programs: ['skopeo'], client: Skopeo },
  { name: 'crane', programs: ['crane'], client: Crane },
  { name: 'oras', programs: ['oras'], client: Oras },
  { name: 'helm', programs: ['helm'], client: Helm, tag: '1.0.0' },
  { name: 'regctl', programs: ['regctl'], client: Regctl },
  { name: 'containerd', programs: ['ctr', 'containerd'], client: Containerd },
];

const title = `a layer that takes ${transferSeconds} s to arrive, with tokens of ${tokenSeconds} s`;

describe(title, () => {
  let entrepot: Entrepot;
  let line: ThrottlingProxy;
  const pushes = new Map<string, Promise<ProgramResult>>();
  const isMissing = ({ programs }: SlowClient): boolean => missingPrograms(programs).length > 0;

  beforeAll(async () => {
    expect(transferSeconds).toBeGreaterThan(tokenSeconds + leewaySeconds);
    entrepot = await startEntrepot({ env: { ENTREPOT_TOKEN_SECONDS: String(tokenSeconds) } });
    line = await ThrottlingProxy.start(entrepot.port, layerBytes / transferSeconds);
    for (const client of clients.filter((each) => !isMissing(each))) {
      await entrepot.createProject(client.name);
      // all at once: each of them mostly waits
      const push = pushSlowly(client);
      // it may fail before its test looks
      push.catch(() => undefined);
      pushes.set(client.name, push);
    }
  });
  afterAll(async () => {
    await Promise.allSettled(pushes.values());
    await line?.stop();
    await entrepot?.remove();
  });

  for (const client of clients) {
    const { name, programs, tag = 'v1' } = client;
    test.skipIf(isMissing(client))(titleOf(`is pushed by ${name}`, missingPrograms(programs)), async () => {
      const result = await pushes.get(name);
      expect(result?.code, result?.output.slice(-2_000)).toBe(0);
      expect(await findDigest(entrepot, `${name}/app`, tag)).toMatch(/^sha256:/);
      expect(slowestUpload(entrepot, name)).toBeGreaterThan(tokenSeconds + leewaySeconds);
    });
  }

  async function pushSlowly({ name, client: Client }: SlowClient): Promise<ProgramResult> {
    const sandbox = new Sandbox(`slow-${name}`, layerBytes);
    const client = new Client(sandbox);
    try {
      await client.prepare();
      await client.login(line.host, entrepot.admin);
      return await client.push(`${line.host}/${name}/app:v1`);
    } finally {
      await client.end();
      sandbox.remove();
    }
  }
});

/** Seconds that the longest acknowledged request for an upload in this project took. */
function slowestUpload(entrepot: Entrepot, project: string): number {
  const uploads = entrepot.log.lines.filter(
    ({ path, status }) =>
      path?.startsWith(`/v2/${project}/app/blobs/uploads/`) === true && (status ?? 500) < 300,
  );
  return Math.max(0, ...uploads.map(({ ms = 0 }) => ms)) / 1000;
}
