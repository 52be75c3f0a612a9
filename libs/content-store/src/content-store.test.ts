import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { truncateSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOfHash, type Digest, type DigestAlgorithm } from '@entrepot/oci/digest';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { MemoryDriver } from '@entrepot/storage/memory/memory-driver';
import type { BlobWriter } from './blob-writer.ts';
import { ContentStore } from './content-store.ts';

// node has it, the ES library of the compiler has not
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
};

const mebibyte = 1024 * 1024;

function digestOf(bytes: Buffer, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return digestOfHash(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}

async function writeAll(writer: BlobWriter, bytes: Buffer, step = 65_536): Promise<void> {
  for (let at = 0; at < bytes.length; at += step) {
    const wait = writer.write(Buffer.from(bytes.subarray(at, at + step)));
    if (wait !== undefined) await wait;
  }
}

describe('content store', () => {
  let root: string;
  let store: ContentStore;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'entrepot-content-'));
    store = new ContentStore(new FilesystemDriver({ root, proxyPrefix: root }));
    await store.driver.probe();
  });

  afterEach(() => rm(root, { recursive: true }));

  function open(algorithm: DigestAlgorithm = 'sha256', uuid: string = randomUUID()): Promise<BlobWriter> {
    return store.openUpload(uuid, 1, { algorithm });
  }

  async function push(bytes: Buffer): Promise<Digest> {
    const writer = await open();
    await writeAll(writer, bytes);
    const digest = digestOf(bytes);
    await writer.publish(digest);
    return digest;
  }

  async function readBlob(digest: Digest): Promise<Buffer | undefined> {
    return store.readWhole(digest, 64 * mebibyte);
  }

  async function filesLeft(): Promise<string[]> {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  }

  it.each([0, 1, 2048, 65_536, 5 * mebibyte + 13])(
    'stores a blob of %i bytes under its digest',
    async (length) => {
      const bytes = randomBytes(length);
      const digest = await push(bytes);
      expect(await store.stat(digest)).toBe(length);
      expect((await readBlob(digest))?.equals(bytes)).toBe(true);
      expect(await filesLeft()).toEqual(['data']);
    },
  );

  it('stores chunks whose memory can not be taken away', async () => {
    const { buffer } = new WebAssembly.Memory({ initial: 1 });
    const writer = await open();
    await writer.write(Buffer.from(buffer));
    await writer.flush();
    expect(await writer.publish(digestOf(Buffer.alloc(65_536)))).toBe('created');
  });

  it('reads a range, and knows when there is no such blob', async () => {
    const bytes = randomBytes(1000);
    const digest = await push(bytes);
    const chunks: Buffer[] = [];
    await store.read(digest, { start: 10, end: 20 }, (chunk) => void chunks.push(Buffer.from(chunk)));
    expect(Buffer.concat(chunks).equals(bytes.subarray(10, 20))).toBe(true);
    const absent = digestOf(Buffer.from('absent'));
    expect(await store.read(absent, undefined, () => undefined)).toBe(false);
    expect(await store.stat(absent)).toBeUndefined();
    expect(await readBlob(absent)).toBeUndefined();
  });

  it('does not read a blob whole that is larger than the caller can take', async () => {
    const digest = await push(randomBytes(1001));
    await expect(store.readWhole(digest, 1000)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect((await store.readWhole(digest, 1001))?.length).toBe(1001);
  });

  it('refuses to publish bytes under a digest that is not theirs, and goes on', async () => {
    const writer = await open();
    await writeAll(writer, Buffer.from('some bytes'));
    const other = digestOf(Buffer.from('other bytes'));
    await expect(writer.publish(other)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    await writer.publish(digestOf(Buffer.from('some bytes')));
    expect(await store.stat(other)).toBeUndefined();
  });

  it.each([100, 3 * mebibyte])(
    'finds the digest of %i bytes in an algorithm that was not announced',
    async (length) => {
      const bytes = randomBytes(length);
      const writer = await open('sha256');
      await writeAll(writer, bytes.subarray(0, length - 50));
      expect(await writer.digest('sha512')).toBe(digestOf(bytes.subarray(0, length - 50), 'sha512'));
      await writeAll(writer, bytes.subarray(length - 50));
      expect(await writer.digest('sha256')).toBe(digestOf(bytes, 'sha256'));
      await writer.publish(digestOf(bytes, 'sha512'));
      expect((await readBlob(digestOf(bytes, 'sha512')))?.equals(bytes)).toBe(true);
    },
  );

  it('takes one digest from two writers at once: both succeed, one created it', async () => {
    const bytes = randomBytes(200_000);
    const writers = [await open(), await open()];
    await Promise.all(writers.map((writer) => writeAll(writer, bytes)));
    const results = await Promise.all(writers.map((writer) => writer.publish(digestOf(bytes))));
    expect(results.toSorted((one, other) => one.localeCompare(other))).toEqual(['created', 'exists']);
    expect((await readBlob(digestOf(bytes)))?.equals(bytes)).toBe(true);
    expect(await filesLeft()).toEqual(['data']);
  });

  it('heals a damaged blob only when told to', async () => {
    const bytes = randomBytes(5000);
    const digest = await push(bytes);
    const location = await store.locate(digest);
    if (location === undefined || !('file' in location)) throw new Error('the blob has no file');
    truncateSync(location.file, 100);
    const again = await open();
    await writeAll(again, bytes);
    expect(await again.publish(digest)).toBe('exists');
    expect(await store.stat(digest)).toBe(100);
    const healer = await open();
    await writeAll(healer, bytes);
    expect(await healer.publish(digest, { replace: true })).toBe('created');
    expect((await readBlob(digest))?.equals(bytes)).toBe(true);
  });

  it('never lets late bytes of a writer that lost its upload reach the blob', async () => {
    const bytes = randomBytes(3 * mebibyte);
    const uuid = randomUUID();
    const old = await open('sha256', uuid);
    await writeAll(old, bytes.subarray(0, 2 * mebibyte));
    const point = await old.flush();
    const writer = await store.resumeUpload(uuid, 2, { ...point, generation: 1 }, 'sha256');
    await writeAll(old, randomBytes(2 * mebibyte));
    if (writer === undefined) throw new Error('the upload is gone');
    await writeAll(writer, bytes.subarray(2 * mebibyte));
    await writer.publish(digestOf(bytes));
    await writeAll(old, randomBytes(2 * mebibyte));
    await old.flush();
    expect((await readBlob(digestOf(bytes)))?.equals(bytes)).toBe(true);
    await old.discard();
    expect(await filesLeft()).toEqual(['data']);
  });

  it('finds nothing to resume once an upload was discarded', async () => {
    const uuid = randomUUID();
    const writer = await open('sha256', uuid);
    await writeAll(writer, randomBytes(1000));
    const point = await writer.flush();
    await writer.close();
    await store.discardUpload(uuid, 1);
    await store.discardUpload(uuid, 1);
    expect(await store.resumeUpload(uuid, 2, { ...point, generation: 1 }, 'sha256')).toBeUndefined();
    expect(await filesLeft()).toEqual([]);
  });

  it('lists the blobs, and nothing else', async () => {
    const digests = [await push(Buffer.from('one')), await push(Buffer.from('three'))];
    await store.driver.put('docker/registry/v2/blobs/sha256/ab/stray', Buffer.from('stray'));
    const unfinished = await open();
    await writeAll(unfinished, Buffer.from('two'));
    await unfinished.flush();
    const listed = new Map<string, number>();
    for await (const blob of store.listBlobs()) listed.set(blob.digest, blob.size);
    expect(listed).toEqual(
      new Map([
        [digests[0], 3],
        [digests[1], 5],
      ]),
    );
    await unfinished.discard();
  });

  it('tells every later call of a failure of the storage, and lets go of the bytes', async () => {
    const full = new ContentStore(new MemoryDriver({ maxBytes: 2 * mebibyte }));
    const writer = await full.openUpload(randomUUID(), 1, { algorithm: 'sha256' });
    await expect(writeAll(writer, randomBytes(8 * mebibyte))).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(() => writer.write(Buffer.from('more'))).toThrow(/no room/);
    await expect(writer.flush()).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    await writer.discard();
    const again = await full.openUpload(randomUUID(), 1, { algorithm: 'sha256' });
    await writeAll(again, randomBytes(mebibyte));
    expect(await again.publish(await again.digest('sha256'))).toBe('created');
  });

  it('has the bytes and the digest of any upload, however it was cut up and interrupted', async () => {
    const interruption = fc.constantFrom('none', 'flush', 'digest', 'resume', 'lose');
    const part = fc.record({ length: fc.integer({ min: 0, max: 700_000 }), event: interruption });
    const step = fc.constantFrom(1009, 65_536, 300_000);
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), step, async (parts, chunkBytes) => {
        await checkInterrupted(parts, chunkBytes);
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  /** Pushes random parts; `resume`: another writer goes on; `lose`: it does so without what was not flushed. */
  async function checkInterrupted(parts: readonly { length: number; event: string }[], chunkBytes: number) {
    const uuid = randomUUID();
    let generation = 1;
    let writer = await store.openUpload(uuid, generation, { algorithm: 'sha256' });
    let point = await writer.flush();
    let acknowledged = Buffer.alloc(0);
    let sent = acknowledged;
    for (const { length, event } of parts) {
      const bytes = randomBytes(length);
      await writeAll(writer, bytes, chunkBytes);
      sent = Buffer.concat([sent, bytes]);
      if (event === 'digest') expect(await writer.digest('sha256')).toBe(digestOf(sent));
      if (event === 'flush' || event === 'resume') {
        point = await writer.flush();
        acknowledged = sent;
        expect(point.size).toBe(sent.length);
      }
      if (event === 'resume' || event === 'lose') {
        await writer.close();
        const next = await store.resumeUpload(uuid, generation + 1, { ...point, generation }, 'sha256');
        if (next === undefined) throw new Error('the upload is gone');
        await store.discardUpload(uuid, generation - 1);
        generation += 1;
        writer = next;
        point = await writer.flush();
        sent = acknowledged;
        expect(writer.size).toBe(sent.length);
      }
    }
    const digest = digestOf(sent);
    expect(await writer.digest('sha256')).toBe(digest);
    await writer.publish(digest);
    expect((await readBlob(digest))?.equals(sent)).toBe(true);
    await store.discardUpload(uuid, generation - 1);
  }
});
