import { randomUUID } from 'node:crypto';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { BatchLanes } from '@entrepot/database/batch-lanes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentLookup, type LookupAnswer, type LookupKey, type LookupPrincipal } from './content-lookup.ts';
import { aDigest, ContentBuilder, repositoryName, tagName, testOrigin } from './testing/content-builder.ts';
import { Uploads } from './uploads.ts';

const first = repositoryName('lookups/first');
const gone = repositoryName('lookups/gone');
const repositories = [first, repositoryName('lookups/second'), gone, repositoryName('lookups/never')];

describe('lookups', () => {
  let test: TestDatabase;
  let lanes: BatchLanes<LookupKey, LookupAnswer>;
  let build: ContentBuilder;
  let digests: Digest[];
  let principals: LookupPrincipal[];
  let uploads: string[];
  const batches: number[] = [];

  beforeAll(async () => {
    test = await createTestDatabase();
    lanes = new BatchLanes(
      test.connection,
      contentLookup((keys) => void batches.push(keys)),
    );
    build = new ContentBuilder(test.database);
    const project = await build.aProject('lookups');
    digests = [aDigest()];
    for (const name of repositories.slice(0, 3)) {
      const blob = await build.aBlob(project, name);
      const manifest = build.aManifest(project, name, { blobs: [blob], tags: [tagName('v1')] });
      const deleted = build.aManifest(project, name);
      await build.manifests.record(manifest, testOrigin);
      await build.manifests.record(deleted, testOrigin);
      await build.manifests.delete(await build.repositoryId(name), deleted.digest, testOrigin);
      const damaged = await build.aBlob(project, name);
      await build.blobs.markDamaged(damaged);
      digests.push(blob, manifest.digest, deleted.digest, damaged);
    }
    await sql(`UPDATE repository SET deleted_at = now() WHERE name = $1`, gone);
    principals = [undefined, { kind: 'user', id: 1 }, { kind: 'robot', id: 1 }, ...(await somePrincipals())];
    uploads = await someUploads(project);
  });
  afterAll(async () => {
    await lanes.close();
    await test.close();
  });

  async function sql<Row extends object>(text: string, ...values: unknown[]): Promise<Row[]> {
    return await test.database.query<Row>(text, values);
  }

  async function somePrincipals(): Promise<LookupPrincipal[]> {
    const users = await sql<{ id: number }>(
      `INSERT INTO "user" (username, access_version, deleted_at) VALUES ('a', 3, NULL), ('b', 4, now()) RETURNING id`,
    );
    const robots = await sql<{ id: number }>(
      `INSERT INTO robot (name, level, access_version, disabled, expires_at) VALUES
         ('a', 'system', 5, false, NULL), ('b', 'system', 6, true, NULL), ('c', 'system', 7, false, now() - interval '1 s'),
         ('d', 'system', 8, false, now() + interval '1 h') RETURNING id`,
    );
    return [
      ...users.map(({ id }) => ({ kind: 'user' as const, id })),
      ...robots.map(({ id }) => ({ kind: 'robot' as const, id })),
    ];
  }

  async function someUploads(projectId: number): Promise<string[]> {
    const rows = new Uploads(test.database);
    const ids = [randomUUID(), randomUUID(), randomUUID()];
    for (const id of ids.slice(0, 2)) {
      const upload = {
        id,
        repository: first,
        projectId,
        principal: 'user:1',
        algorithm: 'sha256' as const,
      };
      const { generation } = await rows.lease(upload, 'me');
      await rows.advance(id, generation, { size: 42, stored: { generation, state: {} } });
    }
    await sql('UPDATE upload SET finished_at = now() WHERE id = $1', ids[1]);
    return ids;
  }

  /** What the tables say, asked in the plainest way. */
  async function plainAnswer({ repository, principal, content, upload }: LookupKey): Promise<unknown> {
    const [found] = await sql<{ id: number; project_id: number; version: number; public: boolean }>(
      `SELECT r.id, r.project_id, p.access_version AS version, p.public FROM repository r JOIN project p ON p.id = r.project_id
       WHERE r.name = $1 AND r.deleted_at IS NULL`,
      repository,
    );
    const principalSql = {
      user: 'SELECT access_version AS version FROM "user" WHERE id = $1 AND deleted_at IS NULL',
      robot:
        'SELECT access_version AS version FROM robot WHERE id = $1 AND NOT disabled AND (expires_at > now()) IS NOT FALSE',
    };
    const [version] =
      principal === undefined
        ? []
        : await sql<{ version: number }>(principalSql[principal.kind], principal.id);
    const [row] =
      upload === undefined
        ? []
        : await sql<{ size: number; finished: boolean }>(
            'SELECT size, finished_at IS NOT NULL AS finished FROM upload WHERE id = $1',
            upload,
          );
    return {
      principalVersion: version?.version,
      repository: found && {
        id: found.id,
        projectId: found.project_id,
        projectVersion: found.version,
        public: found.public,
      },
      upload: row && { size: row.size, finished: row.finished },
      manifest: (await plainManifest(found?.id, content))?.digest.toString('hex'),
      blobSize: await plainBlobSize(found?.id, content),
    };
  }

  async function plainManifest(
    repositoryId: number | undefined,
    content: LookupKey['content'],
  ): Promise<{ digest: Buffer } | undefined> {
    if (content === undefined || 'blob' in content) return undefined;
    const [found] =
      'tag' in content
        ? await sql<{ digest: Buffer }>(
            'SELECT m.digest FROM tag t JOIN manifest m ON m.id = t.manifest_id WHERE t.repository_id = $1 AND t.name = $2',
            repositoryId ?? 0,
            content.tag,
          )
        : await sql<{ digest: Buffer }>(
            'SELECT digest FROM manifest WHERE repository_id = $1 AND digest = $2 AND live',
            repositoryId ?? 0,
            digestToBytes(content.manifest),
          );
    return found;
  }

  async function plainBlobSize(
    repositoryId: number | undefined,
    content: LookupKey['content'],
  ): Promise<number | undefined> {
    if (content === undefined || !('blob' in content)) return undefined;
    const [found] = await sql<{ size: number }>(
      `SELECT b.size FROM blob b JOIN repository_blob l ON l.blob_id = b.id WHERE l.repository_id = $1 AND b.digest = $2 AND b.state = 'live'`,
      repositoryId ?? 0,
      digestToBytes(content.blob),
    );
    return found?.size;
  }

  function plain({ manifest, ...answer }: LookupAnswer): unknown {
    return { ...answer, manifest: manifest && digestToBytes(manifest.digest).toString('hex') };
  }

  it('answer each key of a batch as if it had been asked alone, in whatever company', async () => {
    const content = fc.oneof(
      fc.constant(undefined),
      fc.constantFrom('v1', 'v2').map((name) => ({ tag: tagName(name) })),
      fc.nat().map((index) => ({ manifest: digests[index % digests.length] ?? aDigest() })),
      fc.nat().map((index) => ({ blob: digests[index % digests.length] ?? aDigest() })),
    );
    const key: fc.Arbitrary<LookupKey> = fc
      .record({
        repository: fc.constantFrom(...repositories),
        content,
        who: fc.nat(),
        upload: fc.option(fc.nat(), { nil: undefined }),
      })
      .map(({ who, upload, ...rest }) => ({
        ...rest,
        principal: principals[who % principals.length],
        ...(upload === undefined ? {} : { upload: uploads[upload % uploads.length] ?? '' }),
      }));
    await fc.assert(
      fc.asyncProperty(fc.array(key, { minLength: 1, maxLength: 40 }), async (keys) => {
        const answers = await Promise.all(keys.map((each) => lanes.ask(each)));
        const expected = [];
        for (const each of keys) expected.push(await plainAnswer(each));
        expect(answers.map(plain)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('go together in one statement when they come together', async () => {
    batches.length = 0;
    const asked = Array.from({ length: 200 }, () =>
      lanes.ask({
        repository: first,
        principal: undefined,
        content: undefined,
      }),
    );
    await Promise.all(asked);
    expect(batches.reduce((sum, keys) => sum + keys, 0)).toBe(200);
    expect(batches.length).toBeLessThanOrEqual(2);
  });

  it('see what was acknowledged before they were asked for', async () => {
    const project = await build.aProject('fresh');
    const name = repositoryName('fresh/app');
    const look = (): Promise<LookupAnswer> =>
      lanes.ask({ repository: name, principal: undefined, content: { tag: tagName('v1') } });
    for (let round = 0; round < 30; round++) {
      const manifest = build.aManifest(project, name, { tags: [tagName('v1')] });
      // others are in flight all the time
      const noise = [look().catch(() => undefined), look().catch(() => undefined)];
      await build.manifests.record(manifest, testOrigin);
      expect((await look()).manifest?.digest).toBe(manifest.digest);
      await Promise.all(noise);
    }
  });
});
