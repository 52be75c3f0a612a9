import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { renameSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOfHash, type Digest } from '@entrepot/oci/digest';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { ContentStore } from './content-store.ts';
import { blobKey, trashKey } from './layout.ts';

describe('blobs that are discarded', () => {
  let root: string;
  let store: ContentStore;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'entrepot-discard-'));
    store = new ContentStore(new FilesystemDriver({ root }));
    await store.driver.probe();
  });
  afterEach(() => rm(root, { recursive: true }));

  async function push(bytes: Buffer): Promise<Digest> {
    const writer = await store.openUpload(randomUUID(), 1, { algorithm: 'sha256' });
    await writer.write(Buffer.from(bytes));
    const digest = digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
    await writer.publish(digest);
    return digest;
  }

  async function keysLeft(): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of store.driver.list('')) keys.push(key);
    return keys.toSorted();
  }

  /** Bytes that a process had moved aside when it was killed. */
  async function trash(digest: Digest, lease: string): Promise<void> {
    await mkdir(join(root, 'docker/registry/trash'), { recursive: true });
    renameSync(join(root, blobKey(digest)), join(root, trashKey(digest, lease)));
  }

  it('go when they are confirmed, and stay otherwise', async () => {
    const [one, two] = [await push(randomBytes(10)), await push(randomBytes(20))];
    const asked: (readonly Digest[])[] = [];
    const gone = await store.discardBlobs([one, two], randomUUID(), async (digests) => {
      asked.push(digests);
      return new Set([two]);
    });
    expect(asked).toEqual([[one, two]]);
    expect(gone).toEqual(new Set([two]));
    expect(await keysLeft()).toEqual([blobKey(one)]);
  });

  it('come back from what a process left that was killed, and only where nothing is by now', async () => {
    const bytes = randomBytes(300_000);
    const digest = await push(bytes);
    const lease = randomUUID();
    await trash(digest, lease);
    const trashed: unknown[] = [];
    for await (const each of store.listTrash()) trashed.push(each);
    expect(trashed).toEqual([{ digest, lease }]);
    await store.restoreTrash({ digest, lease });
    expect((await store.readWhole(digest, 1_000_000))?.equals(bytes)).toBe(true);
    expect(await keysLeft()).toEqual([blobKey(digest)]);

    await trash(digest, lease);
    await push(bytes);
    await store.restoreTrash({ digest, lease });
    await store.restoreTrash({ digest, lease });
    expect(await keysLeft()).toEqual([blobKey(digest)]);
  });

  it('do not come back as another blob', async () => {
    const digest = await push(randomBytes(100));
    const lease = randomUUID();
    await trash(digest, lease);
    await store.driver.put(trashKey(digest, lease), Buffer.from('other bytes'));
    await store.restoreTrash({ digest, lease });
    expect(await keysLeft()).toEqual([]);
  });
});
