import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOfHash, type Digest } from '@entrepot/oci/digest';
import { S3Driver } from '@entrepot/storage/s3/s3-driver';
import { makeBucket, type ObjectServer } from '@entrepot/storage/testing/object-server';
import { missingPrograms } from '@entrepot/storage/testing/server-process';
import { startVersitygw, versitygwPrograms } from '@entrepot/storage/testing/versitygw';
import { ContentStore, type UploadPoint } from './content-store.ts';

const run = promisify(execFile);
const missing = missingPrograms(versitygwPrograms);
const mebibyte = 1024 * 1024;
const uuid = '0b8e6f9e-0d3c-4a56-9d62-0d5a6f6b7c11';

function digestOf(bytes: Buffer): Digest {
  return digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
}

async function listKeys(store: ContentStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.driver.list('')) keys.push(key);
  return keys;
}

describe.skipIf(missing.length > 0)(`uploads into S3 ${missing.join(', ')}`, () => {
  let server: ObjectServer;

  beforeAll(async () => {
    server = await startVersitygw();
  });
  afterAll(() => server.stop());

  it('of chunks of 1 MiB that alternate between two replicas end in the right blob', async () => {
    const options = { ...(await makeBucket(server)), sizes: { part: 5 * mebibyte } };
    const stores = [new ContentStore(new S3Driver(options)), new ContentStore(new S3Driver(options))];
    const bytes = randomBytes(24 * mebibyte);
    let point: UploadPoint | undefined;
    for (let at = 0; at < 24; at += 1) {
      const store = stores[at % 2]!;
      const writer =
        point === undefined
          ? await store.openUpload(uuid, at, { algorithm: 'sha256' })
          : await store.resumeUpload(uuid, at, point, 'sha256');
      await writer!.write(Buffer.from(bytes.subarray(at * mebibyte, (at + 1) * mebibyte)));
      const flushed = await writer!.flush();
      await writer!.close();
      if (point !== undefined) await store.discardUpload(uuid, point.generation);
      point = { ...flushed, generation: at };
    }
    const last = await stores[0]!.resumeUpload(uuid, 24, point!, 'sha256');
    expect(await last!.publish(digestOf(bytes))).toBe('created');
    await stores[0]!.discardUpload(uuid, 23);
    expect((await stores[1]!.readWhole(digestOf(bytes), bytes.length))?.equals(bytes)).toBe(true);
    expect(await listKeys(stores[1]!)).toEqual([expect.stringContaining('/data')]);
  });

  it('that were abandoned are listed, and removed by their names', async () => {
    const options = { ...(await makeBucket(server)), sizes: { part: 5 * mebibyte } };
    const store = new ContentStore(new S3Driver(options));
    const writer = await store.openUpload(uuid, 7, { algorithm: 'sha256' });
    await writer.write(randomBytes(12 * mebibyte));
    await writer.flush();
    await writer.close();
    const uploads = [];
    for await (const upload of store.listUploads()) uploads.push(upload);
    expect(uploads).toMatchObject([{ uuid, generation: 7 }]);
    await store.discardUpload(uuid, 7);
    expect(await listKeys(store)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('run 200 at once in less than 300 MB', async () => {
    const options = JSON.stringify(await makeBucket(server));
    const script = join(import.meta.dirname, 'testing/many-uploads.ts');
    const node = ['--conditions=entrepot-source', script, options, '200', String(3 * mebibyte)];
    const { stdout } = await run(process.execPath, node);
    expect(Number(stdout)).toBeLessThan(300_000_000);
    expect(Number(stdout)).toBeGreaterThan(50_000_000);
  });
});
