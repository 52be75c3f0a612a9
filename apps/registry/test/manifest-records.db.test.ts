import { aProject } from '@entrepot/access/testing';
import type { Database } from '@entrepot/database/database';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, configType, digestOf, manifestType, someBytes } from './client.ts';
import { aManifest, anIndex, anUnknownBlob } from './manifest-documents.ts';
import { countRows, digestBytes, manifestRow } from './manifest-rows.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';

const name = 'manifests/app';

describe('what pushes of manifests record', () => {
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

  describe('leave in their row', () => {
    it('what people want to see of an image', async () => {
      const config = await client.aBlob(
        name,
        JSON.stringify({
          architecture: 'arm64',
          os: 'linux',
          variant: 'v8',
          created: '2026-01-02T03:04:05Z',
          author: 'Ada',
          config: { Labels: { a: 'b' } },
          history: [{}],
        }),
        configType,
      );
      const layer = await client.aBlob(name, someBytes(1234));
      const payload = JSON.stringify(
        aManifest(config, [layer, layer], { annotations: { 'org.example.note': 'ü' } }),
      );
      await client.putManifest(name, 'facts', payload);
      expect(await manifestRow(database, digestOf(payload))).toMatchObject({
        media_type: manifestType,
        type: 'IMAGE',
        artifact_type: configType,
        annotations: { 'org.example.note': 'ü' },
        total_size: Buffer.byteLength(payload) + config.size + 1234,
        facts: {
          architecture: 'arm64',
          os: 'linux',
          variant: 'v8',
          author: 'Ada',
          created: '2026-01-02T03:04:05Z',
          config: { Labels: { a: 'b' } },
        },
      });
    });

    it('the chart of a manifest without mediaType, as helm pushes it', async () => {
      const config = await client.aBlob(
        name,
        JSON.stringify({ name: 'web', version: '0.1.0', apiVersion: 'v2' }),
        'application/vnd.cncf.helm.config.v1+json',
      );
      const layer = await client.aBlob(
        name,
        someBytes(),
        'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
      );
      const payload = JSON.stringify({ schemaVersion: 2, config, layers: [layer] });
      expect((await client.putManifest(name, '0.1.0', payload, manifestType)).status).toBe(201);
      expect(await manifestRow(database, digestOf(payload))).toMatchObject({
        type: 'CHART',
        media_type: manifestType,
        facts: { name: 'web', version: '0.1.0' },
      });
      const read = await client.get(`${name}/manifests/0.1.0`);
      expect(read.headers['content-type']).toBe(manifestType);
      expect(read.body.toString()).toBe(payload);
    });

    it('the kind of an artifact that is none of these', async () => {
      const config = await client.aBlob(name, '{}', 'application/vnd.oci.empty.v1+json');
      const payload = JSON.stringify(
        aManifest(config, [await client.aBlob(name, someBytes(), 'text/plain')], {
          artifactType: 'application/vnd.example.thing',
        }),
      );
      await client.putManifest(name, 'thing', payload);
      expect(await manifestRow(database, digestOf(payload))).toMatchObject({
        artifact_type: 'application/vnd.example.thing',
        facts: null,
      });
    });

    it('nothing of a config that is no JSON: the push is good all the same', async () => {
      for (const text of [
        'not json',
        '[]',
        '{"author":"\\u0000"}',
        '{"config":{"\\ud800":"\\udc00"}}',
        '{"os":{"\\u0000":1}}',
      ]) {
        const config = await client.aBlob(name, text, configType);
        const answer = await client.putManifest(name, 'odd', aManifest(config, []));
        expect([text, answer.status]).toEqual([text, 201]);
      }
    });
  });

  describe('count and tell', () => {
    const repository = 'counted/app';

    it('bytes once in a project, facts and audit rows with every push, nothing when refused', async () => {
      const project = await aProject(registry.test.database, { name: 'counted' });
      const counted = await Client.as(registry, admin, repository, 'counted/second');
      const used = async (): Promise<number | undefined> =>
        (
          await database.query<{ used: number }>(
            'SELECT coalesce(sum(bytes), 0)::int AS used FROM usage_delta WHERE project_id = $1',
            [project.id],
          )
        )[0]?.used;
      const artifact = await counted.anArtifact(repository, 'v1');
      const blobs = artifact.config.size + artifact.layer.size;
      expect(await used()).toBe(blobs + artifact.payload.length);
      await counted.putManifest(repository, 'v2', artifact.payload);
      expect(await used()).toBe(blobs + artifact.payload.length);
      for (const { digest } of [artifact.config, artifact.layer]) {
        await counted.send('POST', `counted/second/blobs/uploads/?mount=${digest}&from=${repository}`);
      }
      await counted.putManifest('counted/second', 'v1', artifact.payload);
      expect(await used()).toBe(blobs + 2 * artifact.payload.length);
      await counted.delete(`${repository}/manifests/${artifact.digest}`);
      await counted.putManifest(repository, 'v1', artifact.payload);
      expect(await used()).toBe(blobs + 2 * artifact.payload.length);
      const before = await countRows(database);
      expect(
        (
          await counted.putManifest(
            repository,
            'v3',
            anIndex({ ...anUnknownBlob(), mediaType: manifestType }),
          )
        ).status,
      ).toBe(404);
      expect(await countRows(database)).toEqual(before);
    });

    it('the push in outbox and audit log', async () => {
      const artifact = await client.anArtifact(name, 'heard');
      const [fact] = await database.query<{ payload: Record<string, unknown> }>(
        `SELECT payload FROM outbox WHERE fact = 'manifest.pushed' ORDER BY id DESC LIMIT 1`,
      );
      expect(fact?.payload).toMatchObject({
        repository: name,
        digest: digestBytes(artifact.digest).toString('hex'),
        mediaType: manifestType,
        tags: ['heard'],
        actor: 'admin',
      });
      const [moved] = await database.query(
        `SELECT key FROM outbox WHERE fact = 'tag.moved' AND payload ->> 'tag' = 'heard'`,
      );
      expect(moved).toBeDefined();
      const audited = await database.query(
        `SELECT actor, actor_kind, address, operation, resource_type, succeeded FROM audit_log WHERE resource = $1`,
        [`${name}:heard`],
      );
      expect(audited).toEqual([
        {
          actor: 'admin',
          actor_kind: 'user',
          address: '127.0.0.1',
          operation: 'create',
          resource_type: 'artifact',
          succeeded: true,
        },
      ]);
    });

    it('deletions of tags and manifests', async () => {
      const artifact = await client.anArtifact(name, 'doomed');
      await client.delete(`${name}/manifests/doomed`);
      await client.delete(`${name}/manifests/${artifact.digest}`);
      const facts = await database.query<{ fact: string }>(
        `SELECT fact FROM outbox WHERE fact LIKE '%.deleted' AND (payload ->> 'tag' = 'doomed' OR payload ->> 'digest' = $1) ORDER BY id`,
        [digestBytes(artifact.digest).toString('hex')],
      );
      expect(facts.map(({ fact }) => fact)).toEqual(['tag.deleted', 'manifest.deleted']);
      const audited = await database.query(
        `SELECT operation, resource_type FROM audit_log WHERE resource = ANY ($1) AND operation = 'delete' ORDER BY id`,
        [[`${name}:doomed`, `${name}@${artifact.digest}`]],
      );
      expect(audited).toEqual([
        { operation: 'delete', resource_type: 'tag' },
        { operation: 'delete', resource_type: 'artifact' },
      ]);
    });
  });
});
