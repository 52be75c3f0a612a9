import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { renameSync } from 'node:fs';
import { mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContentBuilder, repositoryName } from '@entrepot/catalog/testing/content-builder';
import { ContentStore } from '@entrepot/content-store/content-store';
import { blobKey } from '@entrepot/content-store/layout';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { digestOfHash, type Digest } from '@entrepot/oci/digest';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyContent, type VerifyOptions } from './verify-content.ts';

function digestOf(bytes: Buffer): Digest {
  return digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
}

describe('verify', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let root: string;
  let store: ContentStore;
  let project: number;
  const name = repositoryName('verify/app');

  beforeEach(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    root = await mkdtemp(join(tmpdir(), 'entrepot-verify-'));
    store = new ContentStore(new FilesystemDriver({ root }));
    await store.driver.probe();
    project = await build.aProject('verify');
  });
  afterEach(async () => {
    await test.close();
    await rm(root, { recursive: true, force: true });
  });

  async function putBytes(
    size: number,
    bytes = randomBytes(size),
    digest = digestOf(bytes),
  ): Promise<Digest> {
    const writer = await store.openUpload(randomUUID(), 0, { algorithm: 'sha256' });
    await writer.write(bytes);
    await writer.publish(digest);
    return digest;
  }

  async function aBlob(size = 100): Promise<Digest> {
    const bytes = randomBytes(size);
    const digest = digestOf(bytes);
    // the row before the bytes, as every push does it
    const { id: blobId } = await build.blobs.announce(digest, size);
    await putBytes(size, bytes);
    await build.blobs.link({ projectId: project, repository: name, digest, blobId });
    return digest;
  }

  const pathOf = (digest: Digest): string => join(root, blobKey(digest));

  async function verify(options: Partial<VerifyOptions> = {}) {
    return await verifyContent({
      database: test.database,
      store,
      samplePercent: 100,
      repair: false,
      mostWrongPercent: 100,
      signal: new AbortController().signal,
      ...options,
    });
  }

  async function stateOf(digest: Digest): Promise<unknown> {
    const [row] = await test.database.query<{ state: string }>('SELECT state FROM blob WHERE digest = $1', [
      digestToBytes(digest),
    ]);
    return row?.state;
  }

  it('finds nothing where nothing is wrong', async () => {
    for (let count = 0; count < 3; count++) await aBlob(50);
    expect(await verify()).toEqual({
      objects: 3,
      bytes: 150,
      hashed: 3,
      blobs: 3,
      findings: [],
      repair: 'not-asked',
    });
  });

  it('finds each thing that is wrong, changes nothing unless told, and then loses nothing', async () => {
    const [missing, short, flipped, good] = [await aBlob(), await aBlob(), await aBlob(), await aBlob()];
    const unknown = await putBytes(70);
    await rm(pathOf(missing));
    await truncate(pathOf(short), 40);
    await writeFile(pathOf(flipped), randomBytes(100));
    const expected = [
      { kind: 'missing', digest: missing, size: 0 },
      { kind: 'size', digest: short, size: 40 },
      { kind: 'bytes', digest: flipped, size: 100 },
      { kind: 'unknown', digest: unknown, size: 70 },
    ];
    const first = await verify();
    expect(first.findings).toHaveLength(4);
    expect(first.findings).toEqual(expect.arrayContaining(expected));
    for (const digest of [missing, short, flipped]) expect(await stateOf(digest)).toBe('live');

    expect((await verify({ repair: true })).repair).toBe('done');
    for (const digest of [missing, short, flipped]) expect(await stateOf(digest)).toBe('damaged');
    expect(await stateOf(unknown)).toBe('quarantined');
    expect(await stateOf(good)).toBe('live');
    expect(await store.stat(unknown)).toBe(70);
    const reviews = await test.database.query(
      `SELECT 1 FROM blob_review v JOIN blob b ON b.id = v.blob_id WHERE b.digest = $1`,
      [digestToBytes(unknown)],
    );
    expect(reviews).toHaveLength(1);
    expect((await verify()).findings).toEqual([]);
  });

  it('damages nothing that was healed between the look and the repair', async () => {
    const digest = await aBlob();
    const path = pathOf(digest);
    await rename(path, `${path}-away`);
    // a push comes after the comparison, which does not read what it finds missing
    class HealedStore extends ContentStore {
      override isWhole(one: Digest): Promise<boolean | undefined> {
        renameSync(`${path}-away`, path);
        return super.isWhole(one);
      }
    }
    const healing = new HealedStore(store.driver);
    const report = await verify({ store: healing, repair: true });
    expect(report.findings).toEqual([{ kind: 'missing', digest, size: 0 }]);
    expect(await stateOf(digest)).toBe('live');
  });

  it('gives back what is whole again', async () => {
    const digest = await aBlob();
    await build.blobs.markDamaged(digest);
    const { findings } = await verify({ samplePercent: 0 });
    expect(findings).toEqual([{ kind: 'whole', digest, size: 100 }]);
    await verify({ repair: true, samplePercent: 0, mostWrongPercent: 0 });
    expect(await stateOf(digest)).toBe('live');
  });

  it('repairs nothing where more is wrong than may be', async () => {
    const digests = [];
    for (let count = 0; count < 10; count++) digests.push(await aBlob());
    await rm(pathOf(digests[0]!));
    await rm(pathOf(digests[1]!));
    expect((await verify({ repair: true, mostWrongPercent: 10 })).repair).toBe('refused');
    expect(await stateOf(digests[0]!)).toBe('live');
    expect((await verify({ repair: true, mostWrongPercent: 20 })).repair).toBe('done');
    expect(await stateOf(digests[0]!)).toBe('damaged');
  });

  it('lets collection go on once everything has been looked at', async () => {
    await test.database.query(
      'INSERT INTO instance (instance_id, collection_held) VALUES (gen_random_uuid(), true)',
    );
    const digests = [await aBlob(), await aBlob()];
    await rm(pathOf(digests[0]!));
    const isHeld = async () =>
      (await test.database.query<{ held: boolean }>('SELECT collection_held AS held FROM instance'))[0]?.held;
    await verify();
    await verify({ repair: true, mostWrongPercent: 1 });
    expect(await isHeld()).toBe(true);
    await verify({ repair: true });
    expect(await isHeld()).toBe(false);
  });

  it('reads as many as it is told', async () => {
    for (let count = 0; count < 20; count++) await aBlob(10);
    const { hashed } = await verify({ samplePercent: 50 });
    expect(hashed).toBeGreaterThan(1);
    expect(hashed).toBeLessThan(19);
    expect((await verify({ samplePercent: 0 })).hashed).toBe(0);
  });

  it('takes nothing for wrong that comes and goes meanwhile', async () => {
    const stop = new AbortController();
    const churn = (async () => {
      while (!stop.signal.aborted) {
        const digest = await aBlob(30);
        const id = await build.repositoryId(name);
        await build.blobs.unlink(id, digest);
        await test.database.query(`UPDATE blob SET live = false, state = 'deleting' WHERE digest = $1`, [
          digestToBytes(digest),
        ]);
        await rm(pathOf(digest));
        await test.database.query('DELETE FROM blob WHERE digest = $1', [digestToBytes(digest)]);
      }
    })();
    for (let count = 0; count < 30; count++) expect((await verify()).findings).toEqual([]);
    stop.abort();
    await churn;
  });
});
