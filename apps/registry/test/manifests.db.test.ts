import { aProject } from '@entrepot/access/testing';
import type { Database } from '@entrepot/database/database';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Client,
  configType,
  digestOf,
  errorOf,
  indexType,
  layerType,
  manifestType,
  someBytes,
} from './client.ts';
import { aManifest, anIndex, anUnknownBlob } from './manifest-documents.ts';
import { countRows, digestBytes, manifestRow } from './manifest-rows.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';

const name = 'manifests/app';

describe('pushes of manifests', () => {
  let registry: RunningRegistry;
  let database: Database;
  let client: Client;

  beforeAll(async () => {
    registry = await startRegistry();
    database = registry.test.database;
    await aProject(database, { name: 'manifests' });
    client = await Client.as(registry, admin, name);
  });
  afterAll(() => registry.close());

  describe('whose content is not there', () => {
    it('name every missing blob, and leave nothing behind', async () => {
      const config = await client.aBlob(name, '{}', configType);
      const missing = [anUnknownBlob(), anUnknownBlob()];
      const before = await countRows(database);
      const answer = await client.putManifest(name, 'broken', aManifest(config, missing));
      expect(answer.status).toBe(404);
      const error = errorOf(answer);
      expect(error.code).toBe('MANIFEST_BLOB_UNKNOWN');
      for (const { digest } of missing) expect(error.message).toContain(digest);
      expect(error.message).not.toContain(config.digest);
      expect(await countRows(database)).toEqual(before);
      expect((await client.get(`${name}/manifests/broken`)).status).toBe(404);
    });

    it('do not take a blob of another repository for their own', async () => {
      const other = await Client.as(registry, admin, 'manifests/lender');
      const layer = await other.aBlob('manifests/lender');
      const config = await client.aBlob(name, '{}', configType);
      const answer = await client.putManifest(name, 'borrowed', aManifest(config, [layer]));
      expect([answer.status, errorOf(answer).code]).toEqual([404, 'MANIFEST_BLOB_UNKNOWN']);
      expect(errorOf(answer).message).toContain(layer.digest);
    });

    it('name missing children', async () => {
      const there = await client.anArtifact(name, '');
      const missing = { ...anUnknownBlob(), mediaType: manifestType };
      const answer = await client.putManifest(name, 'broken', anIndex(there.descriptor, missing));
      expect([answer.status, errorOf(answer).code]).toEqual([404, 'MANIFEST_BLOB_UNKNOWN']);
      expect(errorOf(answer).message).toContain(missing.digest);
      expect(errorOf(answer).message).not.toContain(there.digest);
    });

    it('need no layer that lies elsewhere', async () => {
      const config = await client.aBlob(name, '{}', configType);
      const foreign = {
        ...anUnknownBlob(),
        mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
        urls: ['https://example.org/layer'],
      };
      expect((await client.putManifest(name, 'foreign', aManifest(config, [foreign]))).status).toBe(201);
    });

    it('are taken in a project that allows it, and made whole by what arrives', async () => {
      await database.query(
        `INSERT INTO project (name, metadata) VALUES ('sparse', '{"allow_sparse":"true"}')`,
      );
      const sparse = await Client.as(registry, admin, 'sparse/app');
      const bytes = someBytes();
      const layer = { mediaType: layerType, digest: digestOf(bytes), size: bytes.length };
      const config = await sparse.aBlob('sparse/app', '{}', configType);
      const child = JSON.stringify(aManifest(config, [layer]));
      const index = anIndex({ mediaType: manifestType, digest: digestOf(child), size: child.length });
      expect((await sparse.putManifest('sparse/app', 'index', index)).status).toBe(201);
      expect((await sparse.putManifest('sparse/app', digestOf(child), child)).status).toBe(201);
      await sparse.aBlob('sparse/app', bytes);
      for (const path of [`manifests/${digestOf(child)}`, `blobs/${layer.digest}`]) {
        expect((await sparse.delete(`sparse/app/${path}`)).status).toBe(405);
      }
    });
  });

  describe('in use', () => {
    it('keep their blobs from deletion, naming the users', async () => {
      const artifact = await client.anArtifact(name, '');
      const answer = await client.delete(`${name}/blobs/${artifact.layer.digest}`);
      expect([answer.status, errorOf(answer).code]).toEqual([405, 'DENIED']);
      expect(errorOf(answer).message).toContain(artifact.digest);
      expect((await client.get(`${name}/blobs/${artifact.layer.digest}`)).status).toBe(200);
      expect((await client.delete(`${name}/manifests/${artifact.digest}`)).status).toBe(202);
      expect((await client.delete(`${name}/blobs/${artifact.layer.digest}`)).status).toBe(202);
    });

    it.each(['sha256', 'sha512'] as const)(
      'by an index, named by its %s, are not deleted before it',
      async (algorithm) => {
        const child = await client.anArtifact(name, '');
        const index = JSON.stringify(anIndex(child.descriptor));
        const digest = digestOf(index, algorithm);
        expect((await client.putManifest(name, digest, index, indexType)).status).toBe(201);
        const answer = await client.delete(`${name}/manifests/${child.digest}`);
        expect([answer.status, errorOf(answer).code]).toEqual([405, 'DENIED']);
        expect(errorOf(answer).message).toContain(digest);
        expect((await client.get(`${name}/manifests/${child.digest}`)).status).toBe(200);
        expect((await client.delete(`${name}/manifests/${digest}`)).status).toBe(202);
        expect((await client.delete(`${name}/manifests/${child.digest}`)).status).toBe(202);
        const [audited] = await database.query<{ resource: string }>(
          `SELECT resource FROM audit_log WHERE operation = 'delete' AND resource = $1`,
          [`${name}@${digest}`],
        );
        expect(audited).toBeDefined();
      },
    );

    it('may be indexes of indexes', async () => {
      const child = await client.anArtifact(name, '');
      const inner = JSON.stringify(anIndex(child.descriptor));
      const descriptor = { mediaType: indexType, digest: digestOf(inner), size: inner.length };
      expect((await client.putManifest(name, 'inner', inner)).status).toBe(201);
      expect((await client.putManifest(name, 'outer', anIndex(descriptor))).status).toBe(201);
      expect((await client.delete(`${name}/manifests/${descriptor.digest}`)).status).toBe(405);
      const outer = await client.get(`${name}/manifests/outer`);
      const sizes = await manifestRow(database, String(outer.headers['docker-content-digest']));
      const leaf = child.payload.length + child.config.size + child.layer.size;
      expect(sizes?.total_size).toBe(outer.body.length + inner.length + leaf);
    });
  });

  describe('by digest', () => {
    it('set as many tags as ?tag= names', async () => {
      const artifact = await client.anArtifact(name, '');
      const path = `${artifact.digest}?tag=a1&tag=b2&tag=c3`;
      const answer = await client.putManifest(name, path, artifact.payload);
      expect(answer.status).toBe(201);
      expect(answer.headers['oci-tag']).toBe('a1, b2, c3');
      for (const tag of ['a1', 'b2', 'c3']) {
        const read = await client.head(`${name}/manifests/${tag}`);
        expect(read.headers['docker-content-digest']).toBe(artifact.digest);
      }
    });

    it('refuse a bad tag, and too many, before anything is recorded', async () => {
      const artifact = await client.anArtifact(name, '');
      const before = await countRows(database);
      const bad = await client.putManifest(name, `${artifact.digest}?tag=good&tag=-bad`, artifact.payload);
      expect([bad.status, errorOf(bad).code]).toEqual([400, 'TAG_INVALID']);
      const many = Array.from({ length: 11 }, (_, index) => `tag=t${index}`).join('&');
      expect((await client.putManifest(name, `${artifact.digest}?${many}`, artifact.payload)).status).toBe(
        400,
      );
      expect(await countRows(database)).toEqual(before);
    });

    it('refuse bytes of another digest', async () => {
      const { payload } = await client.anArtifact(name, '');
      const answer = await client.putManifest(name, digestOf('other'), payload);
      expect([answer.status, errorOf(answer).code]).toEqual([400, 'DIGEST_INVALID']);
    });

    it('take sha512', async () => {
      const { payload } = await client.anArtifact(name, '');
      const digest = digestOf(payload, 'sha512');
      const answer = await client.putManifest(name, digest, payload);
      expect([answer.status, answer.headers['docker-content-digest']]).toEqual([201, digest]);
      expect((await client.get(`${name}/manifests/${digest}`)).body.toString()).toBe(payload);
    });
  });

  describe('by tag', () => {
    it('are answered with where the manifest is', async () => {
      const artifact = await client.anArtifact(name, 'told');
      const answer = await client.putManifest(name, 'told', artifact.payload);
      expect(answer.status).toBe(201);
      expect(answer.headers).toMatchObject({
        location: `/v2/${name}/manifests/${artifact.digest}`,
        'docker-content-digest': artifact.digest,
      });
    });

    it('refuse what can be no tag', async () => {
      const { payload } = await client.anArtifact(name, '');
      for (const tag of ['-x', '.x', 'x'.repeat(129), 'a%2Fb']) {
        const answer = await client.putManifest(name, tag, payload);
        expect(answer.status).toBe(400);
        expect(['TAG_INVALID', 'NAME_INVALID']).toContain(errorOf(answer).code);
      }
    });

    it('move the tag, and say so once', async () => {
      const [one, two] = [await client.anArtifact(name, 'moving'), await client.anArtifact(name, 'moving')];
      await client.putManifest(name, 'moving', two.payload);
      await client.putManifest(name, 'moving', one.payload);
      const events = await database.query<{ from_digest: Buffer | null; to_digest: Buffer; actor: string }>(
        `SELECT from_digest, to_digest, actor FROM tag_event WHERE name = 'moving' ORDER BY id`,
      );
      expect(events).toEqual([
        { from_digest: null, to_digest: digestBytes(one.digest), actor: 'admin' },
        { from_digest: digestBytes(one.digest), to_digest: digestBytes(two.digest), actor: 'admin' },
        { from_digest: digestBytes(two.digest), to_digest: digestBytes(one.digest), actor: 'admin' },
      ]);
      expect((await client.get(`${name}/manifests/${two.digest}`)).status).toBe(200);
    });
  });

  describe('that are deleted and pushed again', () => {
    it('come back, with the blobs protected again', async () => {
      const artifact = await client.anArtifact(name, 'phoenix');
      await client.delete(`${name}/manifests/${artifact.digest}`);
      const refused = await client.delete(`${name}/manifests/${artifact.digest}`);
      expect([refused.status, errorOf(refused).code]).toEqual([404, 'MANIFEST_UNKNOWN']);
      expect((await client.putManifest(name, 'phoenix', artifact.payload)).status).toBe(201);
      expect((await client.get(`${name}/manifests/phoenix`)).body.toString()).toBe(artifact.payload);
      expect((await client.delete(`${name}/blobs/${artifact.layer.digest}`)).status).toBe(405);
    });

    it('need their content again', async () => {
      const artifact = await client.anArtifact(name, '');
      await client.delete(`${name}/manifests/${artifact.digest}`);
      await client.delete(`${name}/blobs/${artifact.layer.digest}`);
      const answer = await client.putManifest(name, artifact.digest, artifact.payload);
      expect([answer.status, errorOf(answer).code]).toEqual([404, 'MANIFEST_BLOB_UNKNOWN']);
      expect((await manifestRow(database, artifact.digest))?.live).toBe(false);
    });
  });

  describe('that are no manifests', () => {
    it.each([
      [
        'a schema 1 manifest',
        { schemaVersion: 1, name: 'x', fsLayers: [] },
        'application/vnd.docker.distribution.manifest.v1+prettyjws',
      ],
      [
        'a type in the body that the header contradicts',
        { schemaVersion: 2, mediaType: indexType, manifests: [] },
        manifestType,
      ],
      ['another type', { schemaVersion: 2 }, 'application/json'],
      ['an array', [], manifestType],
      ['no JSON', '{', manifestType],
      ['nothing', '', manifestType],
    ])('refuse %s', async (_, document, type) => {
      const answer = await client.putManifest(name, 'bad', document, type);
      expect([answer.status, errorOf(answer).code]).toEqual([400, 'MANIFEST_INVALID']);
    });

    it('refuse more than 4 MiB, announced or not', async () => {
      const body = Buffer.alloc(4 * 1024 * 1024 + 1, 0x20);
      for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }]) {
        const answer = await client.send('PUT', `${name}/manifests/large`, { headers, body });
        expect([answer.status, errorOf(answer).code]).toEqual([413, 'SIZE_INVALID']);
      }
    });

    it('take 4 MiB', async () => {
      const config = await client.aBlob(name, '{}', configType);
      const text = JSON.stringify(aManifest(config, []));
      const padded = text + ' '.repeat(4 * 1024 * 1024 - text.length);
      expect((await client.putManifest(name, 'full', padded)).status).toBe(201);
      expect((await client.get(`${name}/manifests/full`)).body.toString()).toBe(padded);
    });
  });
});
