import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobPublisher } from '@entrepot/catalog/blob-publisher';
import { aDigest, ContentBuilder, repositoryName } from '@entrepot/catalog/testing/content-builder';
import { Uploads, type UploadIdentity } from '@entrepot/catalog/uploads';
import { ContentStore } from '@entrepot/content-store/content-store';
import { blobKey, uploadPrefix } from '@entrepot/content-store/layout';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { AppError } from '@entrepot/errors/app-error';
import { digestOfHash, type Digest } from '@entrepot/oci/digest';
import type { Appender, ChunkConsumer, ResumePoint } from '@entrepot/storage/driver';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobRows } from './publish-blob.ts';
import type { UploadBody } from './upload-body.ts';
import { UploadSession } from './upload-session.ts';

const repository = repositoryName('sessions/app');

/** A file system that can be full. */
class FillingDriver extends FilesystemDriver {
  full = false;

  override async create(key: string): Promise<Appender> {
    return this.#filling(await super.create(key));
  }

  override async resume(
    key: string,
    from: ResumePoint,
    prefix: ChunkConsumer,
  ): Promise<Appender | undefined> {
    const appender = await super.resume(key, from, prefix);
    return appender && this.#filling(appender);
  }

  #filling(appender: Appender): Appender {
    const append = appender.append.bind(appender);
    appender.append = async (chunks) => {
      if (this.full) throw new AppError('STORAGE_FULL', 'the disk is full');
      await append(chunks);
    };
    return appender;
  }
}

describe('upload sessions', () => {
  let test: TestDatabase;
  let root: string;
  let driver: FillingDriver;
  let store: ContentStore;
  let publisher: BlobPublisher;
  const unexpected: unknown[] = [];
  let projectId: number;

  beforeAll(async () => {
    test = await createTestDatabase();
    projectId = await new ContentBuilder(test.database).aProject('sessions');
    root = await mkdtemp(join(tmpdir(), 'entrepot-ingest-'));
    driver = new FillingDriver({ root });
    store = new ContentStore(driver);
    publisher = new BlobPublisher(test.database, (error) => unexpected.push(error));
  });
  afterAll(async () => {
    await publisher.close();
    await test.close();
    expect(unexpected).toEqual([]);
    await rm(root, { recursive: true, force: true });
  });

  /** The uploads of one process. */
  function aSession(blobs: BlobRows = publisher): UploadSession {
    return new UploadSession({ store, uploads: new Uploads(test.database), blobs, owner: randomUUID() });
  }

  /** The rows of blobs behind a line that breaks at the end of an upload, before the database has done it or after. */
  function brokenAtTheEnd(done: boolean): BlobRows {
    return {
      endUpload: async (...of) => {
        if (done) await publisher.endUpload(...of);
        throw new AppError('UNAVAILABLE', 'the line broke');
      },
      beginUpload: (...of) => publisher.beginUpload(...of),
      announce: (...of) => publisher.announce(...of),
      link: (...of) => publisher.link(...of),
    };
  }

  function anUpload(): UploadIdentity {
    return { id: randomUUID(), repository, projectId, principal: 'user:1', algorithm: 'sha256' };
  }

  function bodyOf(bytes: Buffer, start?: number): UploadBody {
    return {
      stream: Readable.from([Buffer.from(bytes)], { objectMode: false }),
      length: bytes.length,
      start,
    };
  }

  const nothing = (): UploadBody => bodyOf(Buffer.alloc(0));

  /** Begins an upload as a client does that sends one PATCH. */
  async function begun(session: UploadSession, bytes: Buffer, upload = anUpload()): Promise<UploadIdentity> {
    await session.append(upload, bodyOf(bytes), true);
    return upload;
  }

  async function generationOf({ id }: UploadIdentity): Promise<number | undefined> {
    const [row] = await test.database.query<{ generation: number }>(
      'SELECT generation FROM upload WHERE id = $1',
      [id],
    );
    return row?.generation;
  }

  async function stagedOf({ id }: UploadIdentity): Promise<string[]> {
    const left: string[] = [];
    for await (const { key } of driver.list(uploadPrefix)) if (key.includes(id)) left.push(key);
    return left;
  }

  async function contentOf(digest: Digest): Promise<Buffer | undefined> {
    return await store.readWhole(digest, 100_000_000);
  }

  async function stateOf(digest: Digest): Promise<string | undefined> {
    const [row] = await test.database.query<{ state: string }>('SELECT state FROM blob WHERE digest = $1', [
      digestToBytes(digest),
    ]);
    return row?.state;
  }

  async function setState(digest: Digest, state: string): Promise<void> {
    await test.database.query(
      'DELETE FROM repository_blob WHERE blob_id = (SELECT id FROM blob WHERE digest = $1)',
      [digestToBytes(digest)],
    );
    await test.database.query('UPDATE blob SET state = $2, live = $3 WHERE digest = $1', [
      digestToBytes(digest),
      state,
      state === 'live' || state === 'damaged',
    ]);
  }

  async function push(session: UploadSession, bytes: Buffer): Promise<Digest> {
    const digest = aDigest(bytes);
    await session.finish(anUpload(), bodyOf(bytes), digest, true);
    return digest;
  }

  it('keep nothing on the storage but the blob', async () => {
    const session = aSession();
    const digest = await push(session, randomBytes(1000));
    const upload = anUpload();
    await session.append(upload, bodyOf(randomBytes(1000)));
    await session.cancel(upload);
    for await (const { key } of driver.list(uploadPrefix)) expect(key).toBe('nothing');
    expect(await stateOf(digest)).toBe('live');
  });

  it('go on from the durable point after the disk was full', async () => {
    const session = aSession();
    const bytes = randomBytes(3_000_000);
    const upload = anUpload();
    await session.append(upload, bodyOf(bytes.subarray(0, 1_000_000)));
    driver.full = true;
    const full = session.append(upload, bodyOf(bytes.subarray(1_000_000), 1_000_000));
    await expect(full).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    const put = session.finish(upload, bodyOf(bytes.subarray(1_000_000)), aDigest(bytes), false);
    await expect(put).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    await expect(push(session, randomBytes(10))).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    driver.full = false;
    const rest = bodyOf(bytes.subarray(1_000_000), 1_000_000);
    expect(await session.append(upload, rest)).toBe(bytes.length);
    await session.finish(upload, nothing(), aDigest(bytes), false);
    expect((await contentOf(aDigest(bytes)))?.equals(bytes)).toBe(true);
  });

  it.each([true, false])('leave no bytes that nobody can go on from (new: %s)', async (isNew) => {
    const session = aSession();
    const upload = anUpload();
    const wrong = session.finish(upload, bodyOf(randomBytes(2_000_000)), aDigest(randomBytes(1)), true);
    await expect(wrong).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    const stream = new PassThrough();
    const append = session.append(upload, { stream, length: undefined, start: undefined }, isNew);
    stream.write(randomBytes(2_000_000));
    await sleep(50);
    driver.full = true;
    stream.end(randomBytes(10));
    await expect(append).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    driver.full = false;
    expect(await stagedOf(upload)).toEqual([]);
  });

  it('tell a writer that was taken over, and keep what the other did', async () => {
    const [one, two] = [aSession(), aSession()];
    const bytes = randomBytes(500_000);
    const upload = anUpload();
    await one.append(upload, bodyOf(bytes.subarray(0, 100_000)));
    const stream = new PassThrough();
    const stuck = one.append(upload, { stream, length: 100_000, start: undefined });
    stream.write(randomBytes(50_000));
    await sleep(50);
    await test.database.query('UPDATE upload SET lease_until = now() WHERE id = $1', [upload.id]);
    expect(await two.append(upload, bodyOf(bytes.subarray(100_000, 200_000)))).toBe(200_000);
    stream.end(randomBytes(50_000));
    await expect(stuck).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
    expect(await one.append(upload, bodyOf(bytes.subarray(200_000), 200_000))).toBe(bytes.length);
    await two.finish(upload, nothing(), aDigest(bytes), false);
    expect((await contentOf(aDigest(bytes)))?.equals(bytes)).toBe(true);
  });

  it('leave nothing of any process that took part', async () => {
    const bytes = randomBytes(300_000);
    const upload = anUpload();
    const processes = [aSession(), aSession(), aSession()];
    for (const [index, session] of processes.entries()) {
      await session.append(upload, bodyOf(bytes.subarray(index * 100_000, (index + 1) * 100_000)));
    }
    await aSession().finish(upload, nothing(), aDigest(bytes), false);
    expect(await stagedOf(upload)).toEqual([]);
  });

  it('are ended without a lease by a PUT that brings nothing, once', async () => {
    const session = aSession();
    const bytes = randomBytes(100_000);
    const upload = await begun(session, bytes);
    expect(await session.finish(upload, nothing(), aDigest(bytes), false)).toBe(bytes.length);
    expect(await generationOf(upload)).toBe(1);
    expect((await contentOf(aDigest(bytes)))?.equals(bytes)).toBe(true);
    expect(await stateOf(aDigest(bytes))).toBe('live');
    expect(await stagedOf(upload)).toEqual([]);
    const again = session.finish(upload, nothing(), aDigest(bytes), false);
    await expect(again).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' });
  });

  it.each(['sha256', 'sha512'] as const)('go on after a wrong digest, with one of %s', async (algorithm) => {
    const session = aSession();
    const bytes = randomBytes(100_000);
    const digest = digestOfHash(algorithm, createHash(algorithm).update(bytes).digest('hex'));
    const upload = await begun(session, bytes.subarray(0, 50_000));
    const wrong = session.finish(upload, nothing(), aDigest(), false);
    await expect(wrong).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    await session.append(upload, bodyOf(bytes.subarray(50_000), 50_000));
    await session.finish(upload, nothing(), digest, false);
    expect((await contentOf(digest))?.equals(bytes)).toBe(true);
    expect(await stagedOf(upload)).toEqual([]);
  });

  it('are not ended where they stand when another process has gone on', async () => {
    const [one, two] = [aSession(), aSession()];
    const bytes = randomBytes(200_000);
    const part = bytes.subarray(0, 100_000);
    const upload = await begun(one, part);
    await two.append(upload, bodyOf(bytes.subarray(100_000), 100_000));
    const early = one.finish(upload, nothing(), aDigest(part), false);
    await expect(early).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    expect(await stateOf(aDigest(part))).toBeUndefined();
    await one.finish(upload, nothing(), aDigest(bytes), false);
    expect((await contentOf(aDigest(bytes)))?.equals(bytes)).toBe(true);
    expect(await stagedOf(upload)).toEqual([]);
  });

  it('are not ended while another process writes to them', async () => {
    const [one, two] = [aSession(), aSession()];
    const bytes = randomBytes(200_000);
    const part = bytes.subarray(0, 100_000);
    const upload = await begun(one, part);
    const stream = new PassThrough();
    const append = two.append(upload, { stream, length: undefined, start: 100_000 });
    await expect.poll(() => generationOf(upload)).toBe(2);
    const put = one.finish(upload, nothing(), aDigest(part), false);
    await expect(put).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
    stream.end(Buffer.from(bytes.subarray(100_000)));
    expect(await append).toBe(bytes.length);
    await one.finish(upload, nothing(), aDigest(bytes), false);
    expect((await contentOf(aDigest(bytes)))?.equals(bytes)).toBe(true);
  });

  it('are ended once by two processes that are asked to at the same time', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [one, two] = [aSession(), aSession()];
      const bytes = randomBytes(300_000);
      const upload = await begun(one, bytes);
      const outcomes = await Promise.allSettled(
        [one, two].map((each) => each.finish(upload, nothing(), aDigest(bytes), false)),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const refused = outcomes.find((outcome) => outcome.status === 'rejected');
      expect(['UPLOAD_BUSY', 'UPLOAD_NOT_FOUND']).toContain(refused?.reason.code);
      expect((await contentOf(aDigest(bytes)))?.equals(bytes)).toBe(true);
      expect(await stagedOf(upload)).toEqual([]);
    }
  });

  it.each([true, false])(
    'lose no byte when nobody knows whether they have ended (they have: %s)',
    async (done) => {
      const bytes = randomBytes(100_000);
      const session = aSession(brokenAtTheEnd(done));
      const upload = await begun(session, bytes);
      const put = session.finish(upload, nothing(), aDigest(bytes), false);
      await expect(put).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(await stagedOf(upload)).toHaveLength(1);
      const again = aSession().finish(upload, nothing(), aDigest(bytes), false);
      if (done) await expect(again).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' });
      else expect(await again).toBe(bytes.length);
      expect(await stateOf(aDigest(bytes))).toBe(done ? 'committing' : 'live');
    },
  );

  it('are not cancelled and ended both', async () => {
    for (let round = 0; round < 10; round += 1) {
      const session = aSession();
      const bytes = randomBytes(1000);
      const upload = await begun(session, bytes);
      const [put, cancel] = await Promise.allSettled([
        session.finish(upload, nothing(), aDigest(bytes), false),
        session.cancel(upload),
      ]);
      expect([put.status, cancel.status].toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(await stateOf(aDigest(bytes))).toBe(put.status === 'fulfilled' ? 'live' : undefined);
      expect(await stagedOf(upload)).toEqual([]);
    }
  });

  it('are not begun in their middle', async () => {
    const upload = anUpload();
    const middle = aSession().append(upload, bodyOf(randomBytes(10), 5), true);
    await expect(middle).rejects.toMatchObject({ code: 'RANGE_INVALID', detail: { size: 0 } });
    expect(await generationOf(upload)).toBeUndefined();
  });

  it('are begun by one of two processes, and nothing is left of the other one', async () => {
    const [one, two] = [aSession(), aSession()];
    const bytes = randomBytes(100_000);
    const upload = anUpload();
    const stream = new PassThrough();
    const slow = one.append(upload, { stream, length: undefined, start: undefined }, true);
    stream.write(randomBytes(100_000));
    await begun(two, bytes, upload);
    stream.end();
    await expect(slow).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
    expect(await stagedOf(upload)).toHaveLength(1);
    await one.finish(upload, nothing(), aDigest(bytes), false);
    expect((await contentOf(aDigest(bytes)))?.equals(bytes)).toBe(true);
    expect(await stagedOf(upload)).toEqual([]);
  });

  it('can be begun anew at once when the process that began them was killed', async () => {
    const upload = anUpload();
    const stream = new PassThrough();
    const killed = aSession().append(upload, { stream, length: undefined, start: undefined }, true);
    stream.write(randomBytes(100_000));
    await sleep(50);
    const bytes = randomBytes(50_000);
    const session = aSession();
    await begun(session, bytes, upload);
    await session.finish(upload, nothing(), aDigest(bytes), false);
    expect((await contentOf(aDigest(bytes)))?.equals(bytes)).toBe(true);
    stream.end();
    await expect(killed).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' });
  });

  it('take a body whose length nobody knows', async () => {
    const session = aSession();
    const bytes = randomBytes(10_000);
    const body = {
      stream: Readable.from([Buffer.from(bytes)], { objectMode: false }),
      length: undefined,
      start: undefined,
    };
    await session.finish(anUpload(), body, aDigest(bytes), true);
    expect((await contentOf(aDigest(bytes)))?.equals(bytes)).toBe(true);
  });

  it.each([true, false])('refuse a body that is shorter than it said (new: %s)', async (isNew) => {
    const session = aSession();
    const upload = anUpload();
    const short = { ...bodyOf(randomBytes(10)), length: 20 };
    await expect(session.append(upload, short, isNew)).rejects.toMatchObject({ code: 'SIZE_INVALID' });
    expect(await session.append(upload, bodyOf(randomBytes(1), 10))).toBe(11);
  });

  it('say so when the bytes are gone from the storage', async () => {
    const upload = anUpload();
    await aSession().append(upload, bodyOf(randomBytes(1000)));
    for await (const { key } of driver.list(uploadPrefix)) {
      if (key.includes(upload.id)) await driver.remove([key]);
    }
    const later = aSession().append(upload, bodyOf(randomBytes(1)));
    await expect(later).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' });
  });

  it.each(['quarantined', 'committing', 'damaged'])(
    'revive a blob that is %s, with bytes or without',
    async (state) => {
      const session = aSession();
      for (const isThere of [true, false]) {
        const bytes = randomBytes(1000);
        const digest = await push(session, bytes);
        if (!isThere) await driver.remove([blobKey(digest)]);
        await setState(digest, state);
        await push(session, bytes);
        expect(await stateOf(digest)).toBe('live');
        expect((await contentOf(digest))?.equals(bytes)).toBe(true);
      }
    },
  );

  it('wait for a blob that is being removed, and publish it anew', async () => {
    const session = aSession();
    const bytes = randomBytes(1000);
    const digest = await push(session, bytes);
    await setState(digest, 'deleting');
    const again = push(session, bytes);
    await sleep(200);
    // the collector's last steps
    await driver.remove([blobKey(digest)]);
    await test.database.query(
      'DELETE FROM blob_review WHERE blob_id = (SELECT id FROM blob WHERE digest = $1)',
      [digestToBytes(digest)],
    );
    await test.database.query('DELETE FROM blob WHERE digest = $1', [digestToBytes(digest)]);
    await again;
    expect(await stateOf(digest)).toBe('live');
    expect((await contentOf(digest))?.equals(bytes)).toBe(true);
  });

  it('refuse, with a time to come back, a blob whose removal takes long', async () => {
    const session = aSession();
    const bytes = randomBytes(1000);
    const digest = await push(session, bytes);
    await setState(digest, 'deleting');
    await expect(push(session, bytes)).rejects.toMatchObject({ code: 'BLOB_BUSY', retryAfter: 5 });
    expect(await stateOf(digest)).toBe('deleting');
  });
});
