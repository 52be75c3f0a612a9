import { aProject } from '@entrepot/access/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Client,
  configType,
  digestOf,
  errorOf,
  indexType,
  layerType,
  manifestType,
  type Descriptor,
} from './client.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';

const name = 'hostile/app';
const zeros = `sha256:${'0'.repeat(64)}`;

describe('hostile manifests', () => {
  let registry: RunningRegistry;
  let client: Client;
  let config: Descriptor;

  beforeAll(async () => {
    registry = await startRegistry();
    await aProject(registry.test.database, { name: 'hostile' });
    client = await Client.as(registry, admin, name);
    config = await client.aBlob(name, '{}', configType);
  });
  afterAll(() => registry.close());

  const text = (members: string): string =>
    `{"schemaVersion":2,"mediaType":"${manifestType}","config":${JSON.stringify(config)},"layers":[]${members}}`;
  const withLayer = (layer: string): string => text('').replace('[]', `[${layer}]`);
  const descriptor = (size: string, digest = zeros): string =>
    `{"mediaType":"${layerType}","digest":"${digest}","size":${size}}`;

  it.each([
    ['a duplicate key', () => text(',"layers":[]')],
    ['a duplicate key, escaped', () => text(String.raw`,"layer\u0073":[]`)],
    ['a key in other letters', () => text(',"Layers":[]')],
    ['deep JSON', () => text(`,"x":${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
    ['a prototype', () => '{"__proto__":{"schemaVersion":2},"config":{},"layers":[]}'],
    ['a negative size', () => withLayer(descriptor('-1'))],
    ['a size that is no integer', () => withLayer(descriptor('1.5'))],
    ['a size beyond all numbers', () => withLayer(descriptor('1e400'))],
    ['a size beyond safe integers', () => withLayer(descriptor('9007199254740993'))],
    ['a size as text', () => withLayer(descriptor('"5"'))],
    ['no digest', () => withLayer(descriptor('1', 'latest'))],
    ['a path as digest', () => withLayer(descriptor('1', 'sha256:../../x'))],
    ['a layer that is null', () => withLayer('null')],
    ['4,097 references', () => withLayer(Array.from({ length: 4097 }, () => descriptor('1')).join())],
    [
      '200,000 members',
      () => text(`,"x":{${Array.from({ length: 200_000 }, (_, index) => `"${index}":1`).join()}}`),
    ],
    ['NUL in an annotation', () => text(String.raw`,"annotations":{"a":"\u0000"}`)],
    ['half a surrogate pair', () => text(String.raw`,"annotations":{"\ud800":"a"}`)],
    ['an annotation that is a number', () => text(',"annotations":{"a":1}')],
    ['a lone brace', () => '{'],
    ['JSON and more', () => `${text('')}x`],
    ['a byte order mark', () => `\ufeff${text('')}`],
    ['layers and manifests', () => text(',"manifests":[]')],
    ['a subject without a digest', () => text(',"subject":{}')],
    ['an artifactType that is none', () => text(String.raw`,"artifactType":"a\u0000b"`)],
  ])('refuse %s', async (_, document) => {
    const begun = performance.now();
    const answer = await client.putManifest(name, 'bad', document(), manifestType);
    expect([answer.status, errorOf(answer).code]).toEqual([400, 'MANIFEST_INVALID']);
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  it('refuse bytes that are no UTF-8', async () => {
    const body = Buffer.concat([
      Buffer.from('{"schemaVersion":2,"x":"'),
      Buffer.from([0xff, 0xfe, 0xc0]),
      Buffer.from('"}'),
    ]);
    const answer = await client.send('PUT', `${name}/manifests/bad`, { body });
    expect([answer.status, errorOf(answer).code]).toEqual([400, 'MANIFEST_INVALID']);
  });

  it('take sizes that add up beyond every integer', async () => {
    await registry.test.database.query(
      `INSERT INTO project (name, metadata) VALUES ('endless', '{"allow_sparse":"true"}')`,
    );
    const endless = await Client.as(registry, admin, 'endless/app');
    const size = Number.MAX_SAFE_INTEGER;
    const layers = Array.from({ length: 2000 }, (_, index) => ({
      mediaType: layerType,
      digest: digestOf(String(index)),
      size,
    }));
    const children: Descriptor[] = [];
    for (let index = 0; index < 2; index++) {
      const child = JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: { ...config, size: index },
        layers,
      });
      expect((await endless.putManifest('endless/app', `child${index}`, child)).status).toBe(201);
      children.push({ mediaType: manifestType, digest: digestOf(child), size: child.length });
    }
    const manifest = { schemaVersion: 2, mediaType: indexType, manifests: children };
    expect((await endless.putManifest('endless/app', 'index', manifest)).status).toBe(201);
    const sizes = await registry.test.database.query(
      'SELECT DISTINCT total_size FROM manifest WHERE total_size > 1e15',
    );
    expect(sizes).toEqual([{ total_size: size }]);
  });

  it('refuse an index that names itself: no bytes hold their own digest', async () => {
    const index = {
      schemaVersion: 2,
      mediaType: indexType,
      manifests: [{ mediaType: indexType, digest: zeros, size: 10 }],
    };
    const answer = await client.putManifest(name, 'cycle', index);
    expect([answer.status, errorOf(answer).code]).toEqual([404, 'MANIFEST_BLOB_UNKNOWN']);
  });

  it('never make the registry fail, whatever JSON they are', async () => {
    const member = fc.constantFrom(
      'schemaVersion',
      'mediaType',
      'config',
      'layers',
      'manifests',
      'subject',
      'annotations',
      'artifactType',
      'digest',
      'size',
      'urls',
      'data',
    );
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(2, manifestType, indexType, zeros),
      fc.array(fc.dictionary(member, fc.oneof(fc.jsonValue(), fc.constantFrom(layerType, zeros, 5)))),
    );
    const base = fc.constantFrom<object>(
      {},
      { schemaVersion: 2, config: { mediaType: configType, digest: digestOf('{}'), size: 2 }, layers: [] },
      { schemaVersion: 2, mediaType: indexType, manifests: [] },
    );
    await fc.assert(
      fc.asyncProperty(base, fc.dictionary(member, value, { maxKeys: 4 }), async (start, members) => {
        const answer = await client.putManifest(name, 'fuzz', { ...start, ...members });
        expect(answer.status).toBeLessThan(500);
        if (answer.status !== 201) errorOf(answer);
      }),
      { numRuns: 300 },
    );
  });
});
