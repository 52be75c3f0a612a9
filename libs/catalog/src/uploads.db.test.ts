import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasRecentUpload } from './recent-upload.ts';
import { aDigest, ContentBuilder, repositoryName } from './testing/content-builder.ts';
import { Uploads, type UploadIdentity } from './uploads.ts';

const repository = repositoryName('uploads/app');

describe('upload rows', () => {
  let test: TestDatabase;
  let uploads: Uploads;
  let projectId: number;

  beforeAll(async () => {
    test = await createTestDatabase();
    uploads = new Uploads(test.database);
    projectId = await new ContentBuilder(test.database).aProject('uploads');
  });
  afterAll(() => test.close());

  function anUpload(principal = 'user:1'): UploadIdentity {
    return { id: randomUUID(), repository, projectId, principal, algorithm: 'sha256' };
  }

  async function expire(upload: UploadIdentity): Promise<void> {
    await test.database.query('UPDATE upload SET lease_until = now() WHERE id = $1', [upload.id]);
  }

  it('have one writer: of many that come at once, one has the lease', async () => {
    const upload = anUpload();
    const tries = Array.from({ length: 20 }, (_, index) => uploads.lease(upload, `process-${index}`));
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: 'UPLOAD_BUSY', retryAfter: 1 });
    }
  });

  it('give each writer a generation of its own, and know where the last one stood', async () => {
    const upload = anUpload();
    const first = await uploads.lease(upload, 'a');
    expect(first).toMatchObject({ generation: 1, size: 0, stored: undefined, algorithm: 'sha256' });
    await uploads.advance(upload.id, 1, { size: 10, stored: { generation: 1, state: { part: 1 } } });
    const second = await uploads.lease(upload, 'b');
    expect(second).toMatchObject({ generation: 2, size: 10, stored: { generation: 1, state: { part: 1 } } });
    await uploads.release(upload.id, 2);
    expect(await uploads.lease(upload, 'c')).toMatchObject({ generation: 3, size: 10 });
  });

  it('may be taken over only when the lease has run out, and then the old writer has lost', async () => {
    const upload = anUpload();
    await uploads.lease(upload, 'a');
    await expect(uploads.lease(upload, 'b')).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
    await expire(upload);
    await uploads.extend(upload.id, 1);
    await expect(uploads.lease(upload, 'b')).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
    await expire(upload);
    expect((await uploads.lease(upload, 'b')).generation).toBe(2);
    const late = uploads.advance(upload.id, 1, { size: 99, stored: { generation: 1, state: {} } });
    await expect(late).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
    await uploads.release(upload.id, 1);
    await uploads.extend(upload.id, 1);
    await expect(uploads.lease(upload, 'c')).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
    await expect(uploads.close(upload, 1, { digest: aDigest(), size: 1 })).rejects.toMatchObject({
      code: 'UPLOAD_NOT_FOUND',
    });
  });

  it('end once: closed or cancelled, nobody writes to them any more', async () => {
    for (const end of [
      async (upload: UploadIdentity) => void (await uploads.close(upload, 1, { digest: aDigest(), size: 0 })),
      async (upload: UploadIdentity) => void (await uploads.cancel(upload)),
    ]) {
      const upload = anUpload();
      await uploads.lease(upload, 'a');
      await end(upload);
      await expect(uploads.lease(upload, 'b')).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' });
      await expect(uploads.cancel(upload)).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' });
      await expect(end(upload)).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' });
    }
  });

  it('that never had a row end once as well', async () => {
    const upload = anUpload();
    const closes = Array.from({ length: 5 }, () => uploads.close(upload, 0, { digest: aDigest(), size: 3 }));
    const outcomes = await Promise.allSettled(closes);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    const cancelled = anUpload();
    await uploads.cancel(cancelled);
    await expect(uploads.lease(cancelled, 'a')).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' });
  });

  it('say what the blob is already when they close', async () => {
    const digest = aDigest();
    const [one, two] = [anUpload(), anUpload()];
    expect(await uploads.close(one, 0, { digest, size: 7 })).toMatchObject({ state: 'committing' });
    await test.database.query(`UPDATE blob SET state = 'live', live = true WHERE state = 'committing'`);
    expect(await uploads.close(two, 0, { digest, size: 7 })).toMatchObject({ state: 'live' });
  });

  it('note their blob also when collection removes its row in the same moment', async () => {
    const digest = aDigest();
    await uploads.close(anUpload(), 0, { digest, size: 9 });
    // the moment between the insert that finds the row and the look at it
    await test.database.query(`CREATE FUNCTION collect() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN DELETE FROM blob WHERE size = 9; RETURN NULL; END'`);
    await test.database.query(
      'CREATE TRIGGER collect AFTER INSERT ON blob FOR EACH STATEMENT EXECUTE FUNCTION collect()',
    );
    const closed = await uploads.close(anUpload(), 0, { digest, size: 7 });
    await test.database.query('DROP FUNCTION collect CASCADE');
    expect(closed).toMatchObject({ state: 'committing' });
  });

  it('touch no index while they go on', async () => {
    const upload = anUpload();
    const { generation } = await uploads.lease(upload, 'a');
    const updates = async (): Promise<{ all: number; cheap: number }> => {
      const [row] = await test.database.query<{ all: number; cheap: number }>(
        `SELECT pg_stat_get_xact_tuples_updated('upload'::regclass) AS all,
           pg_stat_get_xact_tuples_hot_updated('upload'::regclass) AS cheap`,
      );
      return row ?? { all: 0, cheap: 0 };
    };
    await test.database.transaction(async () => {
      const before = await updates();
      await uploads.extend(upload.id, generation);
      await uploads.advance(upload.id, generation, { size: 5, stored: { generation, state: {} } });
      const after = await updates();
      expect(after.all - before.all).toBe(2);
      expect(after.cheap - before.cheap).toBe(2);
    });
  });

  it('are all free when the only process begins', async () => {
    const all = [anUpload(), anUpload()];
    for (const upload of all) await uploads.lease(upload, 'killed');
    await uploads.releaseAll();
    for (const upload of all) expect((await uploads.lease(upload, 'new')).generation).toBe(2);
  });

  it('tell who has finished a blob in a repository within ten minutes', async () => {
    const upload = anUpload('robot:9');
    const recent = (principal = 'robot:9', where = repository): Promise<boolean> =>
      hasRecentUpload(test.database, principal, where);
    expect(await recent()).toBe(false);
    await uploads.lease(upload, 'a');
    expect(await recent()).toBe(false);
    await uploads.close(upload, 1, { digest: aDigest(), size: 5 });
    expect(await recent()).toBe(true);
    expect(await recent('user:9')).toBe(false);
    expect(await recent('robot:9', repositoryName('uploads/other'))).toBe(false);
    await test.database.query(
      `UPDATE upload SET finished_at = now() - interval '601 seconds' WHERE id = $1`,
      [upload.id],
    );
    expect(await recent()).toBe(false);
  });

  it('do not count a cancelled upload as a finished one', async () => {
    const upload = anUpload('robot:10');
    const { generation } = await uploads.lease(upload, 'a');
    await uploads.advance(upload.id, generation, { size: 5, stored: { generation, state: {} } });
    await uploads.cancel(upload);
    expect(await hasRecentUpload(test.database, 'robot:10', repository)).toBe(false);
  });
});
