import { setTimeout as sleep } from 'node:timers/promises';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContentBuilder, repositoryName, tagName, testOrigin } from './testing/content-builder.ts';

type Session = Awaited<ReturnType<TestDatabase['session']>>;

const quarantine = `UPDATE blob SET live = false, state = 'quarantined' WHERE digest = $1 AND live`;
const repository = repositoryName('races/one');

/** What became of a statement that may have to wait: `waiting` until the other session ends. */
async function isWaiting(statement: Promise<unknown>): Promise<boolean> {
  const outcome = await Promise.race([
    statement.then(
      () => 'done',
      () => 'done',
    ),
    sleep(150).then(() => 'waiting'),
  ]);
  return outcome === 'waiting';
}

async function sqlStateOf(statement: Promise<unknown>): Promise<unknown> {
  return await statement.then(
    () => 'done',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
}

describe('forced interleavings of push, collection and deletion', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let project: number;
  let one: Session;
  let two: Session;

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    project = await build.aProject('races');
  });
  afterAll(() => test.close());
  beforeEach(async () => {
    one = await test.session();
    two = await test.session();
  });

  async function stateOf(digest: Digest): Promise<string | undefined> {
    const rows = await test.database.query<{ state: string }>('SELECT state FROM blob WHERE digest = $1', [
      digestToBytes(digest),
    ]);
    return rows[0]?.state;
  }

  async function anUnlinkedBlob(): Promise<Digest> {
    const digest = await build.aBlob(project, repository);
    await test.database.query(
      'DELETE FROM repository_blob WHERE blob_id = (SELECT id FROM blob WHERE digest = $1)',
      [digestToBytes(digest)],
    );
    return digest;
  }

  it('R1 R2 R3: a link that is not committed yet keeps its blob from being quarantined', async () => {
    const digest = await anUnlinkedBlob();
    await one.query('BEGIN');
    await one.query('SELECT link_blob($1, $2, $3)', [project, repository, digestToBytes(digest)]);
    const collector = two.query(quarantine, [digestToBytes(digest)]);
    const refused = sqlStateOf(collector);
    expect(await isWaiting(collector)).toBe(true);
    await one.query('COMMIT');
    expect(await refused).toBe('23503');
    expect(await stateOf(digest)).toBe('live');
  });

  it('R4: a collector that locks first and asks in a later statement sees the link', async () => {
    const digest = await anUnlinkedBlob();
    await one.query('BEGIN');
    await one.query('SELECT link_blob($1, $2, $3)', [project, repository, digestToBytes(digest)]);
    await two.query('BEGIN');
    const locked = two.query('SELECT id FROM blob WHERE digest = $1 FOR UPDATE', [digestToBytes(digest)]);
    expect(await isWaiting(locked)).toBe(true);
    await one.query('COMMIT');
    await locked;
    const free = await two.query(
      'SELECT 1 FROM blob b WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.blob_id = b.id)',
      [digestToBytes(digest)],
    );
    expect(free.rowCount).toBe(0);
    await two.query('ROLLBACK');
  });

  it('R5 R13: two revivers of one quarantined blob both succeed', async () => {
    const digest = await anUnlinkedBlob();
    await test.database.query(quarantine, [digestToBytes(digest)]);
    const other = repositoryName('races/other');
    await one.query('BEGIN');
    await one.query('SELECT link_blob($1, $2, $3)', [project, repository, digestToBytes(digest)]);
    const second = two.query('SELECT link_blob($1, $2, $3)', [project, other, digestToBytes(digest)]);
    expect(await isWaiting(second)).toBe(true);
    await one.query('COMMIT');
    expect(await sqlStateOf(second)).toBe('done');
    expect(await stateOf(digest)).toBe('live');
  });

  it('R6 R12: a manifest that uses a link keeps it, whoever comes first', async () => {
    const digest = await build.aBlob(project, repository);
    const unlink = 'DELETE FROM repository_blob WHERE blob_id = (SELECT id FROM blob WHERE digest = $1)';
    await one.query('BEGIN');
    await one.query(
      `WITH m AS (INSERT INTO manifest (repository_id, digest, media_type, type, payload, total_size)
         SELECT id, $1, 'x', 'IMAGE', '', 0 FROM repository WHERE name = $2 RETURNING id, repository_id)
       INSERT INTO manifest_blob SELECT m.id, m.repository_id, b.id FROM m, blob b WHERE b.digest = $1`,
      [digestToBytes(digest), repository],
    );
    const removal = two.query(unlink, [digestToBytes(digest)]);
    const refused = sqlStateOf(removal);
    expect(await isWaiting(removal)).toBe(true);
    await one.query('COMMIT');
    expect(await refused).toBe('23503');

    const loser = await build.aBlob(project, repository);
    await two.query('BEGIN');
    await two.query(unlink, [digestToBytes(loser)]);
    const push = build.manifests.record(build.aManifest(project, repository, { blobs: [loser] }), testOrigin);
    expect(await isWaiting(push)).toBe(true);
    await two.query('COMMIT');
    await expect(push).rejects.toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' });
  });

  it('R7: a review that a worker is about to delete is written again by the change that comes meanwhile', async () => {
    const digest = await build.aBlob(project, repository);
    const [row] = await test.database.query<{ id: number }>('SELECT id FROM blob WHERE digest = $1', [
      digestToBytes(digest),
    ]);
    await one.query('BEGIN');
    await one.query('SELECT 1 FROM blob_review WHERE blob_id = $1 FOR UPDATE', [row?.id]);
    const removal = two.query('DELETE FROM repository_blob WHERE blob_id = $1', [row?.id]);
    expect(await isWaiting(removal)).toBe(true);
    await one.query('DELETE FROM blob_review WHERE blob_id = $1', [row?.id]);
    await one.query('COMMIT');
    await removal;
    const reviews = await test.database.query('SELECT reason FROM blob_review WHERE blob_id = $1', [row?.id]);
    expect(reviews).toEqual([{ reason: 'unlinked' }]);
  });

  it('R8: a push and a worker that takes the review row first do not deadlock', async () => {
    const digest = await anUnlinkedBlob();
    await test.database.query(quarantine, [digestToBytes(digest)]);
    const [row] = await test.database.query<{ id: number }>('SELECT id FROM blob WHERE digest = $1', [
      digestToBytes(digest),
    ]);
    await one.query('BEGIN');
    await one.query('SELECT 1 FROM blob_review WHERE blob_id = $1 FOR UPDATE SKIP LOCKED', [row?.id]);
    await two.query('BEGIN');
    await two.query('SELECT link_blob($1, $2, $3)', [project, repository, digestToBytes(digest)]);
    const taken = await one.query('SELECT 1 FROM blob WHERE id = $1 FOR UPDATE SKIP LOCKED', [row?.id]);
    expect(taken.rowCount).toBe(0);
    await one.query('COMMIT');
    await two.query('COMMIT');
    expect(await stateOf(digest)).toBe('live');
  });

  it('R9: an index that is pushed keeps its child from being deleted, and a deleted child refuses the index', async () => {
    const child = build.aManifest(project, repository);
    await build.manifests.record(child, testOrigin);
    const repositoryId = await build.repositoryId(repository);
    await one.query('BEGIN');
    await one.query(
      `WITH m AS (INSERT INTO manifest (repository_id, digest, media_type, type, payload, total_size)
         VALUES ($1, $2, 'x', 'IMAGE', '', 0) RETURNING id)
       INSERT INTO manifest_child (manifest_id, repository_id, digest, child_id)
       SELECT m.id, $1, c.digest, c.id FROM m, manifest c WHERE c.digest = $3 AND c.repository_id = $1`,
      [repositoryId, digestToBytes(build.aManifest(project, repository).digest), digestToBytes(child.digest)],
    );
    const removal = build.manifests.delete(repositoryId, child.digest, testOrigin);
    const refused = removal.catch((error: unknown) => error);
    expect(await isWaiting(removal)).toBe(true);
    await one.query('COMMIT');
    expect(await refused).toMatchObject({ code: 'MANIFEST_IN_USE' });

    const lost = build.aManifest(project, repository);
    await build.manifests.record(lost, testOrigin);
    await build.manifests.delete(repositoryId, lost.digest, testOrigin);
    const index = build.aManifest(project, repository, { children: [lost.digest] });
    await expect(build.manifests.record(index, testOrigin)).rejects.toMatchObject({
      code: 'MANIFEST_BLOB_UNKNOWN',
      detail: { blobs: [], children: [lost.digest] },
    });
  });

  it('R10 R11: a blob that is being quarantined makes the pusher look again, and revive it', async () => {
    const digest = await anUnlinkedBlob();
    await one.query('BEGIN');
    await one.query(quarantine, [digestToBytes(digest)]);
    const push = build.link(project, repository, digest);
    expect(await isWaiting(push)).toBe(true);
    await one.query('COMMIT');
    await push;
    expect(await stateOf(digest)).toBe('live');
  });

  it('R14: two pushers that link one base layer do not wait for each other', async () => {
    const digest = await build.aBlob(project, repository);
    await one.query('BEGIN');
    await one.query('SELECT link_blob($1, $2, $3)', [project, 'races/left', digestToBytes(digest)]);
    await two.query('BEGIN');
    const second = two.query('SELECT link_blob($1, $2, $3)', [project, 'races/right', digestToBytes(digest)]);
    expect(await isWaiting(second)).toBe(false);
    await one.query('COMMIT');
    await two.query('COMMIT');
  });

  it('lets one of two pushes of one tag win whole', async () => {
    const tags = [tagName('contested')];
    const rivals = Array.from({ length: 8 }, () => build.aManifest(project, repository, { tags }));
    await Promise.all(rivals.map((manifest) => build.manifests.record(manifest, testOrigin)));
    const rows = await test.database.query<{ version: number; digest: Buffer }>(
      `SELECT t.version, m.digest FROM tag t JOIN manifest m ON m.id = t.manifest_id WHERE t.name = 'contested'`,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.version).toBe(rivals.length);
    const events = await test.database.query<{ to_digest: Buffer }>(
      `SELECT to_digest FROM tag_event WHERE name = 'contested' ORDER BY id`,
    );
    expect(events).toHaveLength(rivals.length);
    expect(events.at(-1)?.to_digest.equals(rows[0]?.digest ?? Buffer.alloc(0))).toBe(true);
  });

  it('takes tags in one order, whatever order a push names them in, so that two pushes do not deadlock', async () => {
    const [first, second] = [tagName('first'), tagName('second')];
    const push = async (...tags: (typeof first)[]): Promise<unknown> =>
      await sqlStateOf(build.manifests.record(build.aManifest(project, repository, { tags }), testOrigin));
    await push(first, second);
    const lock = 'SELECT 1 FROM tag WHERE name = $1 FOR NO KEY UPDATE';
    await one.query('BEGIN');
    await one.query(lock, [first]);
    const other = push(second, first);
    expect(await isWaiting(other)).toBe(true);
    expect(await isWaiting(one.query(lock, [second]))).toBe(false);
    await one.query('COMMIT');
    expect(await other).toBe('done');
  });

  it('a manifest that is deleted takes a tag along that is moved to it in the same moment', async () => {
    const manifest = build.aManifest(project, repository);
    const id = await build.manifests.record(manifest, testOrigin);
    const repositoryId = await build.repositoryId(repository);
    await one.query('BEGIN');
    await one.query(`INSERT INTO tag (repository_id, name, manifest_id) VALUES ($1, 'late', $2)`, [
      repositoryId,
      id,
    ]);
    const removal = build.manifests.delete(repositoryId, manifest.digest, testOrigin);
    expect(await isWaiting(removal)).toBe(true);
    await one.query('COMMIT');
    expect(await sqlStateOf(removal)).toBe('done');
    expect(await test.database.query(`SELECT 1 FROM tag WHERE name = 'late'`)).toEqual([]);
  });

  it('a push that the database gives up for a deadlock is tried again', async () => {
    const [first, second] = [tagName('dead'), tagName('locked')];
    const push = async (): Promise<unknown> =>
      await build.manifests.record(
        build.aManifest(project, repository, { tags: [first, second] }),
        testOrigin,
      );
    await push();
    const lock = 'SELECT 1 FROM tag WHERE name = $1 FOR NO KEY UPDATE';
    // the other one is to notice it
    await one.query(`SET deadlock_timeout = '1 min'`);
    await one.query('BEGIN');
    await one.query(lock, [second]);
    const pushed = sqlStateOf(push());
    expect(await isWaiting(pushed)).toBe(true);
    await one.query(lock, [first]);
    await one.query('COMMIT');
    expect(await pushed).toBe('done');
  });

  it('refuses to mark a blob that a manifest uses as gone, whatever path tries it', async () => {
    const digest = await build.aBlob(project, repository);
    await build.manifests.record(build.aManifest(project, repository, { blobs: [digest] }), testOrigin);
    expect(await sqlStateOf(test.database.query(quarantine, [digestToBytes(digest)]))).toBe('23503');
    const id = await build.repositoryId(repository);
    await expect(build.blobs.unlink(id, digest)).rejects.toMatchObject({ code: 'BLOB_IN_USE' });
  });

  it('a row of a manifest that goes takes its edges along, and has their links looked at', async () => {
    const name = repositoryName('races/purged');
    const blob = await build.aBlob(project, name);
    const manifest = build.aManifest(project, name, { blobs: [blob] });
    await build.manifests.record(manifest, testOrigin);
    const id = await build.repositoryId(name);
    await test.database.query('DELETE FROM link_review');
    await test.database.query('DELETE FROM manifest WHERE repository_id = $1', [id]);
    const edges = await test.database.query('SELECT 1 FROM manifest_blob WHERE repository_id = $1', [id]);
    expect(edges).toEqual([]);
    const reviews = await test.database.query('SELECT repository_id, reason FROM link_review');
    expect(reviews).toEqual([{ repository_id: id, reason: 'detached' }]);
  });
});
