import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mediaTypes, type Descriptor, type LoadResult, type Repository } from '../load/plan.ts';
import type { Server } from '../servers/server.ts';
import { against3, onServers, type Case } from './case.ts';

const tools = process.env['ENTREPOT_TEST_TOOLS'] ?? join(homedir(), '.cache/entrepot-test-tools');
const crane = join(tools, 'crane');
const run = promisify(execFile);
const kibibyte = 1024;
/** Bytes of the layers: a small application on a small base. */
const layerSizes = [8192, 4096, 1024, 256, 64].map((size) => size * kibibyte);

/** A whole image through a real client. */
export const craneImage: readonly Case[] = existsSync(crane)
  ? [
      {
        id: 'crane-image',
        title: 'image of five layers (8, 4, 1, 0.25, 0.06 MiB), pushed and pulled by crane',
        targets: [against3('cpu', 1.5)],
        contenders: ({ entrepot, peers, content }) =>
          onServers([entrepot, ...peers], async (server) => {
            const [repository] = await content.repositories(server, 'crane', 1);
            if (repository === undefined) throw new Error('no repository');
            return (seconds) => pushAndPull(server, repository, seconds);
          }),
      },
    ]
  : [];

async function pushAndPull(server: Server, repository: Repository, seconds: number): Promise<LoadResult> {
  const folder = mkdtempSync('/var/tmp/entrepot-bench-image-');
  try {
    const host = `127.0.0.1:${server.port}`;
    const auths = { [host]: { registrytoken: repository.token } };
    writeFileSync(`${folder}/config.json`, JSON.stringify({ auths }));
    const env = { ...process.env, DOCKER_CONFIG: folder };
    const times: number[] = [];
    const start = performance.now();
    while (performance.now() - start < seconds * 1000) {
      const [name, layout] = [`${host}/${repository.name}:${times.length}`, `${folder}/${times.length}`];
      writeImage(layout);
      const before = performance.now();
      await run(crane, ['push', layout, name], { env });
      await run(crane, ['pull', '--format=oci', name, `${layout}-pulled`], { env });
      times.push((performance.now() - before) / 1000);
    }
    const sum = times.reduce((total, time) => total + time, 0);
    const sorted = times.toSorted((a, b) => a - b);
    const p50 = sorted[Math.floor(sorted.length / 2)] ?? 0;
    return { operations: times.length, seconds: sum, p50, p99: sorted.at(-1) ?? 0, pushed: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes an image of random layers as an OCI image layout. */
function writeImage(folder: string): void {
  mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
  const write = (mediaType: string, bytes: Buffer): Descriptor => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(`${folder}/blobs/sha256/${hex}`, bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const layers = layerSizes.map((size) => write(mediaTypes.layer, randomBytes(size)));
  const diffIds = layers.map(({ digest }) => digest);
  const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } };
  const manifest = write(
    mediaTypes.manifest,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: write(mediaTypes.config, Buffer.from(JSON.stringify(config))),
        layers,
      }),
    ),
  );
  writeFileSync(`${folder}/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  writeFileSync(`${folder}/oci-layout`, JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}
