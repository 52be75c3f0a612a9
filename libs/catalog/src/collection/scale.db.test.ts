import { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteRepository, purgeRepositoryBatch } from '../repositories.ts';
import { ContentBuilder, repositoryName, tagName, testOrigin } from '../testing/content-builder.ts';
import { Collector, type CollectorParts } from './collector.ts';
import type { CollectionWindows } from './collection-windows.ts';

// CONTRIBUTING.md has the sizes with which the figures are measured
const manifests = Number(process.env['ENTREPOT_TEST_MANIFESTS'] ?? 1_000);
const blobs = Number(process.env['ENTREPOT_TEST_BLOBS'] ?? 4_000);
// a machine that does much else makes every batch longer
const longestLockMs = process.env['ENTREPOT_TEST_MANIFESTS'] === undefined ? 1_000 : 200;
const windows: CollectionWindows = {
  reviewSeconds: 3600,
  quarantineSeconds: 0,
  recycleDays: 0,
  leaseSeconds: 60,
};

/** Bytes that are nowhere: the storage is not what is measured. */
const noBytes: CollectorParts['bytes'] = {
  stat: async () => undefined,
  isWhole: async () => undefined,
  discardBlobs: async (digests, _, confirm) => {
    await confirm(digests);
    return new Set(digests);
  },
  listTrash: async function* nothing() {},
  restoreTrash: async () => undefined,
  removeTrash: async () => undefined,
};

describe('collection of much', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let project: number;

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    project = await build.aProject('much');
  });
  afterAll(() => test.close());

  async function collect(): Promise<Awaited<ReturnType<Collector['run']>> & { readonly seconds: number }> {
    const checkStorage = async (): Promise<void> => undefined;
    const collector = new Collector({ database: test.database, bytes: noBytes, windows, checkStorage });
    const begun = performance.now();
    const totals = await collector.run({ signal: new AbortController().signal });
    return { ...totals, seconds: (performance.now() - begun) / 1000 };
  }

  /** A repository whose manifests use ten base layers and one blob of their own each. */
  async function aLargeRepository(name: string): Promise<number> {
    const [row] = await test.database.query<{ id: number }>(
      'INSERT INTO repository (project_id, name, pushed_at) VALUES ($1, $2, now()) RETURNING id',
      [project, name],
    );
    const id = row?.id ?? 0;
    await test.database.query(
      `WITH own AS (
         INSERT INTO blob (digest, size, live, state)
         SELECT '\\x01' || sha256(('own' || n)::bytea), 10, true, 'live' FROM generate_series(1, $2) n RETURNING id
       ), all_of_it AS (SELECT id FROM own UNION ALL SELECT id FROM blob WHERE state = 'live')
       INSERT INTO repository_blob (repository_id, blob_id) SELECT $1, id FROM all_of_it`,
      [id, manifests],
    );
    await test.database.query(
      `WITH made AS (
         INSERT INTO manifest (repository_id, digest, media_type, type, payload, total_size)
         SELECT $1, '\\x01' || sha256(('m' || n)::bytea), 'x', 'IMAGE', '\\x00', 1 FROM generate_series(1, $2) n RETURNING id
       ), ranked AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM made
       ), tagged AS (INSERT INTO tag (repository_id, name, manifest_id) SELECT $1, 't' || n, id FROM ranked
       ), links AS (SELECT blob_id, row_number() OVER (ORDER BY blob_id) AS n FROM repository_blob WHERE repository_id = $1)
       INSERT INTO manifest_blob (manifest_id, repository_id, blob_id)
       SELECT r.id, $1, l.blob_id FROM ranked r JOIN links l ON l.n <= 10 OR l.n = r.n + 10`,
      [id, manifests],
    );
    await test.database.query('ANALYZE');
    return id;
  }

  /** Pushes images of the same base layers until it is told to end; the longest took so many milliseconds. */
  async function pushUntil(signal: AbortSignal, layers: readonly Digest[]): Promise<number[]> {
    // a push that waits longer than this for a lock fails
    const connection = test.connection;
    const database = await Database.connect({ connection, poolSize: 1 });
    await database.query(`SET lock_timeout = ${longestLockMs}`);
    const pusher = new ContentBuilder(database);
    const took: number[] = [];
    for (let round = 0; !signal.aborted; round++) {
      const begun = performance.now();
      const name = repositoryName(`much/other${round % 50}`);
      for (const digest of layers.slice(0, 3)) await pusher.link(project, name, digest);
      const own = await pusher.aBlob(project, name);
      const used = [...layers.slice(0, 3), own];
      const tags = [tagName(`t${round % 5}`)];
      await pusher.manifests.record(pusher.aManifest(project, name, { blobs: used, tags }), testOrigin);
      took.push(performance.now() - begun);
    }
    await database.close();
    return took;
  }

  it(
    `no push waits for the deletion of a repository of ${manifests} manifests`,
    { timeout: 1_800_000 },
    async () => {
      const layers: Digest[] = [];
      for (let layer = 0; layer < 10; layer++) {
        layers.push(await build.aBlob(project, repositoryName('much/base')));
      }
      await build.manifests.record(
        build.aManifest(project, repositoryName('much/base'), { blobs: layers }),
        testOrigin,
      );
      const id = await aLargeRepository('much/large');
      const enough = new AbortController();
      const pushing = Promise.allSettled([
        pushUntil(enough.signal, layers),
        pushUntil(enough.signal, layers),
      ]);
      let totals;
      const begun = performance.now();
      try {
        await deleteRepository(test.database, id, testOrigin);
        while ((await purgeRepositoryBatch(test.database, id, 1_000)) > 0);
        totals = await collect();
      } finally {
        enough.abort();
      }
      const seconds = (performance.now() - begun) / 1000;
      const outcomes = await pushing;
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      expect(refused).toEqual([]);
      const took = outcomes
        .flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
        .toSorted((one, two) => one - two);
      expect(totals.blobs).toBeGreaterThanOrEqual(manifests);
      const at = (share: number): string => (took[Math.floor(share * (took.length - 1))] ?? 0).toFixed(0);
      process.stdout.write(
        `${manifests} manifests gone in ${seconds.toFixed(1)} s; ${took.length} pushes beside it: ` +
          `median ${at(0.5)} ms, 99 % ${at(0.99)} ms, longest ${at(1)} ms\n`,
      );
    },
  );

  it(`removes a tenth of ${blobs} blobs, and leaves the rest`, { timeout: 1_800_000 }, async () => {
    const name = repositoryName('much/blobs');
    await build.manifests.record(build.aManifest(project, name), testOrigin);
    const id = await build.repositoryId(name);
    const manifest = await build.manifests.record(build.aManifest(project, name), testOrigin);
    await test.database.query(
      `WITH made AS (
         INSERT INTO blob (digest, size, live, state)
         SELECT '\\x01' || sha256(('blob' || n)::bytea), 100, true, 'live' FROM generate_series(1, $2) n RETURNING id
       ), linked AS (INSERT INTO repository_blob (repository_id, blob_id) SELECT $1, id FROM made)
       SELECT 1`,
      [id, blobs],
    );
    await test.database.query(
      `INSERT INTO manifest_blob (manifest_id, repository_id, blob_id)
       SELECT $1, repository_id, blob_id FROM repository_blob WHERE repository_id = $2 AND blob_id % 10 <> 0`,
      [manifest, id],
    );
    await test.database.query(`UPDATE link_review SET review_after = now() - interval '2 h'`);
    await test.database.query('ANALYZE');
    // what is used has been looked at before
    await test.database.query(
      `DELETE FROM link_review v USING manifest_blob e WHERE e.repository_id = v.repository_id AND e.blob_id = v.blob_id`,
    );
    await test.database.query(
      `DELETE FROM blob_review v WHERE NOT EXISTS (SELECT 1 FROM link_review l WHERE l.blob_id = v.blob_id)`,
    );
    const totals = await collect();
    expect(totals).toMatchObject({ blobs: blobs / 10, bytes: blobs * 10 });
    const [left] = await test.database.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM repository_blob WHERE repository_id = $1',
      [id],
    );
    expect(left?.n).toBe(blobs - blobs / 10);
    process.stdout.write(
      `${blobs / 10} of ${blobs} blobs removed in ${totals.seconds.toFixed(1)} s, half of it rest\n`,
    );
  });
});
