import { setTimeout as sleep } from 'node:timers/promises';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ManifestRecorder } from './manifest-recorder.ts';
import type { ManifestRecord } from './manifest-record.ts';
import { aDigest, ContentBuilder, repositoryName, tagName, testOrigin } from './testing/content-builder.ts';

// everything that a push of a manifest writes, without what is counted up
const traces = `SELECT
  (SELECT jsonb_agg(to_jsonb(m) - '{id,repository_id,pushed_at}'::text[] ORDER BY m.digest) FROM manifest m
    WHERE m.repository_id = $1) AS manifests,
  (SELECT jsonb_agg(jsonb_build_array(m.digest, b.digest) ORDER BY m.digest, b.digest) FROM manifest_blob e
    JOIN manifest m ON m.id = e.manifest_id JOIN blob b ON b.id = e.blob_id WHERE e.repository_id = $1) AS edges,
  (SELECT jsonb_agg(jsonb_build_array(t.name, m.digest, t.version) ORDER BY t.name) FROM tag t
    JOIN manifest m ON m.id = t.manifest_id WHERE t.repository_id = $1) AS tags,
  (SELECT jsonb_agg(to_jsonb(e) - '{id,repository_id,happened_at}'::text[] ORDER BY e.name, e.id) FROM tag_event e
    WHERE e.repository_id = $1) AS events,
  (SELECT jsonb_agg(jsonb_build_array(o.fact, o.payload - '{repositoryId,projectId,repository}'::text[])
    ORDER BY o.fact, o.payload ->> 'digest', o.payload ->> 'tag') FROM outbox o WHERE o.key = $1::text) AS facts,
  (SELECT jsonb_agg(to_jsonb(a) - '{id,happened_at,created_at,resource,project_id}'::text[]
      || jsonb_build_object('what', replace(a.resource, r.name, '')) ORDER BY replace(a.resource, r.name, ''))
    FROM audit_log a JOIN repository r ON r.id = $1 WHERE a.project_id = r.project_id) AS audits,
  (SELECT sum(bytes) FROM usage_delta u JOIN repository r ON r.id = $1 WHERE u.project_id = r.project_id) AS used,
  (SELECT count(*) FROM project_blob p JOIN repository r ON r.id = $1 WHERE p.project_id = r.project_id) AS held,
  (SELECT count(*) FROM manifest_review v JOIN manifest m ON m.id = v.manifest_id WHERE m.repository_id = $1) AS reviews`;

function hexOf(digest: Digest): string {
  return digestToBytes(digest).toString('hex');
}

describe('manifests that are recorded together', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let recorder: ManifestRecorder;
  const failures: unknown[] = [];
  let projects = 0;

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    recorder = new ManifestRecorder(test.database, (error) => failures.push(error));
  });
  beforeEach(() => void failures.splice(0));
  afterAll(async () => {
    await recorder.close();
    await test.close();
  });

  /** A repository that has been pushed to, in a project of its own. */
  async function aRepository() {
    const name = repositoryName(`together${++projects}/app`);
    const project = await build.aProject(`together${projects}`);
    await build.aBlob(project, name);
    await test.database.query('UPDATE repository SET pushed_at = now() WHERE name = $1', [name]);
    return { name, project, id: await build.repositoryId(name) };
  }

  it('leave what they would have left alone', async () => {
    const [one, other] = [await aRepository(), await aRepository()];
    const sizes = [100, 200, 300];
    const blobs = await Promise.all(sizes.map((size) => build.aBlob(one.project, one.name, size)));
    for (const digest of blobs) await build.link(other.project, other.name, digest);
    const pushes = Array.from({ length: 8 }, (_, index): ManifestRecord => ({
      ...build.aManifest(one.project, one.name),
      artifactType: index % 2 === 0 ? 'application/x.test' : undefined,
      config: blobs[0],
      subject: index === 3 ? aDigest() : undefined,
      annotations: { 'with "quotes"': 'and \\ backslashes, {braces}, NULL' },
      facts: index % 3 === 0 ? { os: 'linux', list: ['a', 'b'] } : undefined,
      // one of them twice, as manifests do
      blobs: [...blobs.slice(0, (index % 3) + 1), blobs[0]!],
      tags: index === 5 ? [] : [tagName(`v${index}`), tagName(`also-${index}`)],
    }));
    await Promise.all(pushes.map((push) => recorder.record(push, testOrigin)));
    for (const push of pushes) {
      const { project: projectId, name: repository } = other;
      await build.manifests.record({ ...push, projectId, repository }, testOrigin);
    }
    expect(failures).toEqual([]);
    const [together] = await test.database.query(traces, [one.id]);
    const [alone] = await test.database.query(traces, [other.id]);
    expect(together).toEqual(alone);
  });

  it('do not suffer from one of them that names what is not there', async () => {
    const { name, project, id } = await aRepository();
    const missing = aDigest();
    const pushes = [
      build.aManifest(project, name, { tags: [tagName('good')] }),
      build.aManifest(project, name, { blobs: [missing], tags: [tagName('bad')] }),
      build.aManifest(project, name),
    ];
    const outcomes = await Promise.allSettled(pushes.map((push) => recorder.record(push, testOrigin)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({
      reason: { code: 'MANIFEST_BLOB_UNKNOWN', detail: { blobs: [missing] } },
    });
    expect(await test.database.query('SELECT name FROM tag WHERE repository_id = $1', [id])).toEqual([
      { name: 'good' },
    ]);
  });

  it('go alone where they are not the plain case', async () => {
    const { name, project } = await aRepository();
    const sparse = await aRepository();
    await test.database.query(`UPDATE project SET metadata = '{"allow_sparse":"true"}' WHERE id = $1`, [
      sparse.project,
    ]);
    const limited = await aRepository();
    await test.database.query('UPDATE project SET storage_limit = 40 WHERE id = $1', [limited.project]);
    const child = build.aManifest(project, name);
    await recorder.record(child, testOrigin);
    const fresh = repositoryName(`together${projects}/fresh`);
    const waiting = aDigest();
    const outcomes = await Promise.allSettled(
      [
        build.aManifest(project, name, { children: [child.digest] }),
        build.aManifest(sparse.project, sparse.name, { blobs: [waiting] }),
        build.aManifest(limited.project, limited.name),
        build.aManifest(limited.project, limited.name),
        build.aManifest(limited.project, fresh),
        child,
      ].map((push) => recorder.record(push, testOrigin)),
    );
    // of those in the limited project, 40 bytes hold one
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(2);
    const notes = await test.database.query(
      'SELECT count(*) AS n FROM manifest_missing_blob WHERE repository_id = $1',
      [sparse.id],
    );
    expect(notes).toEqual([{ n: 1 }]);
    expect(failures).toEqual([]);
  });

  it('of one tag and of one digest follow each other', async () => {
    const { name, project, id } = await aRepository();
    const same = build.aManifest(project, name);
    const tagged = Array.from({ length: 6 }, () =>
      build.aManifest(project, name, { tags: [tagName('latest')] }),
    );
    const all = [...tagged, ...[1, 2, 3].map((n) => ({ ...same, tags: [tagName(`t${n}`)] }))];
    await Promise.all(all.map((push) => recorder.record(push, testOrigin)));
    const [row] = await test.database.query<Record<string, unknown>>(traces, [id]);
    expect(row?.['manifests']).toHaveLength(7);
    expect(row?.['tags']).toHaveLength(4);
    // each move of the tag knows where it came from
    const moves = await test.database.query<{ from: string | null; to: string }>(
      `SELECT encode(from_digest, 'hex') AS from, encode(to_digest, 'hex') AS to FROM tag_event
       WHERE repository_id = $1 AND name = 'latest' ORDER BY id`,
      [id],
    );
    expect(moves).toHaveLength(6);
    expect(moves.map(({ from }) => from)).toEqual([null, ...moves.slice(0, -1).map(({ to }) => to)]);
  });

  it('go on when one of them waits for a lock that somebody holds', async () => {
    const { name, project, id } = await aRepository();
    const held = build.aManifest(project, name, { tags: [tagName('held')] });
    await recorder.record(held, testOrigin);
    const holder = await test.session();
    await holder.query('BEGIN');
    await holder.query(`SELECT 1 FROM tag WHERE repository_id = ${id} AND name = 'held' FOR UPDATE`);
    const waiting = recorder.record(build.aManifest(project, name, { tags: [tagName('held')] }), testOrigin);
    const others = Array.from({ length: 4 }, () =>
      recorder.record(build.aManifest(project, name), testOrigin),
    );
    await Promise.all(others);
    await holder.query('ROLLBACK');
    await waiting;
    expect(failures).not.toEqual([]);
  });

  it.each(['that is there', 'that is made'])(
    'know where a tag comes from %s and that somebody else moves in this moment',
    async (which) => {
      const { name, project, id } = await aRepository();
      const tags = [tagName('moved')];
      if (which === 'that is there')
        await recorder.record(build.aManifest(project, name, { tags }), testOrigin);
      const theirs = build.aManifest(project, name, { tags });
      const ours = build.aManifest(project, name, { tags });
      const open = test.database.transaction(async () => {
        await build.manifests.record(theirs, testOrigin);
        await sleep(200);
      });
      await sleep(100);
      await Promise.all([open, recorder.record(ours, testOrigin)]);
      const moves = await test.database.query<{ from: string | null; to: string }>(
        `SELECT encode(from_digest, 'hex') AS from, encode(to_digest, 'hex') AS to FROM tag_event
         WHERE repository_id = $1 ORDER BY id`,
        [id],
      );
      expect(moves.slice(-2).map(({ to }) => to)).toEqual([theirs, ours].map(({ digest }) => hexOf(digest)));
      expect(moves.at(-1)?.from).toBe(hexOf(theirs.digest));
      // a tag that is made in this moment fails the statement
      expect(failures).toHaveLength(which === 'that is there' ? 0 : 1);
    },
  );

  it('of any mix are each there whole, or refused', async () => {
    const { name, project, id } = await aRepository();
    const blobs = await Promise.all([1, 2, 3, 4].map(() => build.aBlob(project, name)));
    const push = fc.record({
      blobs: fc.subarray([...blobs, aDigest()]),
      tags: fc.subarray(['a', 'b', 'c']).map((names) => names.map(tagName)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(push, { minLength: 1, maxLength: 40 }), async (pushes) => {
        const records = pushes.map((more) => build.aManifest(project, name, more));
        const outcomes = await Promise.allSettled(
          records.map((record) => recorder.record(record, testOrigin)),
        );
        for (const [index, { status }] of outcomes.entries()) {
          const { blobs: named, digest } = records[index]!;
          const whole = named.every((blob) => blobs.includes(blob));
          expect(status).toBe(whole ? 'fulfilled' : 'rejected');
          const edges = await test.database.query(
            `SELECT 1 FROM manifest m JOIN manifest_blob e ON e.manifest_id = m.id
             WHERE m.repository_id = $1 AND m.digest = decode($2, 'hex')`,
            [id, hexOf(digest)],
          );
          expect(edges).toHaveLength(whole ? named.length : 0);
        }
      }),
      { numRuns: 10 },
    );
  });
});
