import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobPublisher } from '@entrepot/catalog/blob-publisher';
import { ContentBuilder, repositoryName } from '@entrepot/catalog/testing/content-builder';
import { Uploads, type UploadIdentity } from '@entrepot/catalog/uploads';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UploadClaim } from './upload-claim.ts';

const repository = repositoryName('claims/app');
const long = 1_300;

describe('claims of uploads that have no row', () => {
  let test: TestDatabase;
  let uploads: Uploads;
  let blobs: BlobPublisher;
  let projectId: number;

  beforeAll(async () => {
    test = await createTestDatabase();
    uploads = new Uploads(test.database);
    blobs = new BlobPublisher(test.database, () => undefined);
    projectId = await new ContentBuilder(test.database).aProject('claims');
  });
  afterAll(async () => {
    await blobs.close();
    await test.close();
  });

  function anUpload(): UploadIdentity {
    return { id: randomUUID(), repository, projectId, principal: 'user:1', algorithm: 'sha256' };
  }

  const begin = (upload: UploadIdentity, owner = 'one'): UploadClaim =>
    UploadClaim.begin({ uploads, blobs, owner }, upload);
  const pointOf = ({ stagedAs }: UploadClaim, size = 10) => ({
    size,
    stored: { generation: stagedAs, state: {} },
  });

  it('write nothing until the first durable point, which frees the upload', async () => {
    const upload = anUpload();
    const claim = begin(upload);
    expect(await uploads.find(upload.id)).toBeUndefined();
    await claim.record(pointOf(claim));
    expect(await uploads.find(upload.id)).toEqual({ ...pointOf(claim), generation: 1, leased: false });
    expect((await uploads.lease(upload, 'two')).generation).toBe(2);
  });

  it('leave no row when they are given back', async () => {
    const upload = anUpload();
    await begin(upload).release();
    expect(await uploads.find(upload.id)).toBeUndefined();
  });

  it('name bytes of their own: of many that begin at once one is recorded, and its bytes are', async () => {
    const upload = anUpload();
    const claims = Array.from({ length: 8 }, (_, index) => begin(upload, `process-${index}`));
    expect(new Set(claims.map(({ stagedAs }) => stagedAs)).size).toBe(8);
    const outcomes = await Promise.allSettled(
      claims.map((claim, index) => claim.record(pointOf(claim, index))),
    );
    const [winner, ...others] = claims.filter((_, index) => outcomes[index]?.status === 'fulfilled');
    expect(others).toEqual([]);
    expect((await uploads.find(upload.id))?.stored?.generation).toBe(winner?.stagedAs);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'UPLOAD_BUSY' });
    }
  });

  it('become leases when they take long, so that others are refused before they send anything', async () => {
    const upload = anUpload();
    const claim = begin(upload);
    await sleep(long);
    await expect(UploadClaim.take({ uploads, blobs, owner: 'two' }, upload)).rejects.toMatchObject({
      code: 'UPLOAD_BUSY',
    });
    await claim.record(pointOf(claim));
    expect(await uploads.find(upload.id)).toEqual({ ...pointOf(claim), generation: 1, leased: false });
  });

  it('give the lease back that they took late', async () => {
    const upload = anUpload();
    const claim = begin(upload);
    await sleep(long);
    await claim.release();
    expect(await uploads.find(upload.id)).toMatchObject({ size: 0, leased: false });
  });

  it('lose against one that was quicker, also late, and leave it what it has', async () => {
    const upload = anUpload();
    const [slow, quick] = [begin(upload, 'slow'), begin(upload, 'quick')];
    await quick.record(pointOf(quick));
    await sleep(long);
    await expect(slow.record(pointOf(slow, 99))).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
    expect(await uploads.find(upload.id)).toMatchObject({ ...pointOf(quick), leased: false });
  });

  it.each([0, long])('end with an upload that is cancelled after they began, %i ms old', async (age) => {
    const upload = anUpload();
    const claim = begin(upload);
    await uploads.cancel(upload);
    await sleep(age);
    await expect(claim.record(pointOf(claim))).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' });
  });

  it('lose to who takes the upload over when their lease has run out', async () => {
    const upload = anUpload();
    const claim = begin(upload);
    await sleep(long);
    await test.database.query('UPDATE upload SET lease_until = now() WHERE id = $1', [upload.id]);
    const other = await UploadClaim.take({ uploads, blobs, owner: 'two' }, upload);
    await expect(claim.record(pointOf(claim))).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
    await other.record(pointOf(other, 20));
    expect(await uploads.find(upload.id)).toMatchObject({ size: 20, generation: 2 });
  });
});
