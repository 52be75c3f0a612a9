import { createHash } from 'node:crypto';
import { ContentStore } from '@entrepot/content-store/content-store';
import { digestOfHash } from '@entrepot/oci/digest';
import { parseManifest, type Manifest } from '@entrepot/oci/manifest';
import { MemoryDriver } from '@entrepot/storage/memory/memory-driver';
import { describe, expect, it } from 'vitest';
import { describeArtifact } from './describe-artifact.ts';

const chart = 'application/vnd.cncf.helm.config.v1+json';
const image = 'application/vnd.oci.image.config.v1+json';

describe('describeArtifact', () => {
  const store = new ContentStore(new MemoryDriver());

  async function aManifest(mediaType: string, config: string): Promise<Manifest> {
    const digest = digestOfHash('sha256', createHash('sha256').update(config).digest('hex'));
    const size = Buffer.byteLength(config);
    const writer = await store.openUpload(digest.slice(7, 43), 0, { algorithm: 'sha256' });
    await writer.write(Buffer.from(config));
    await writer.publish(digest);
    const members = { schemaVersion: 2, config: { mediaType, digest, size }, layers: [] };
    return parseManifest(Buffer.from(JSON.stringify(members)), 'application/vnd.oci.image.manifest.v1+json');
  }

  it('reads the platform and what runs of an image, and the whole config of a chart', async () => {
    const config = {
      os: 'linux',
      architecture: 'arm64',
      config: { Labels: { maintainer: 'me' } },
      rootfs: {},
    };
    expect(await describeArtifact(store, await aManifest(image, JSON.stringify(config)))).toEqual({
      os: 'linux',
      architecture: 'arm64',
      author: 'me',
      config: config.config,
    });
    const values = { name: 'nginx', version: '1.2.3' };
    expect(await describeArtifact(store, await aManifest(chart, JSON.stringify(values)))).toEqual(values);
  });

  it('says nothing of what is too large to be shown', async () => {
    const history = 'x'.repeat(65_536);
    const ofChart = await aManifest(chart, JSON.stringify({ history }));
    expect(await describeArtifact(store, ofChart)).toBeUndefined();
    const ofImage = await aManifest(image, JSON.stringify({ os: 'linux', history }));
    expect(await describeArtifact(store, ofImage)).toEqual({ os: 'linux' });
    const labels = await aManifest(image, JSON.stringify({ os: 'linux', config: { Labels: { history } } }));
    expect(await describeArtifact(store, labels)).toBeUndefined();
  });

  it.each(['', '[]', '1', 'null', '{', `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`])(
    'says nothing of a config that is no object to be stored, and fails for none',
    async (config) => {
      expect(await describeArtifact(store, await aManifest(chart, config))).toBeUndefined();
    },
  );
});
