/**
 * A process that takes uploads into S3, all at once, and prints the most memory that it had. Started by a test with
 * the options of the driver, the number of uploads and their bytes.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { S3Driver } from '@entrepot/storage/s3/s3-driver';
import { ContentStore } from '../content-store.ts';

const [options = '{}', count = '0', bytes = '0'] = process.argv.slice(2);
const chunkBytes = 64 * 1024;
const template = randomBytes(chunkBytes);

/** A body as it comes from a socket: a chunk of its own at a time. */
async function upload(store: ContentStore, number: number): Promise<void> {
  const writer = await store.openUpload(`upload-${number}`, 1, { algorithm: 'sha256' });
  for (let sent = 0; sent < Number(bytes); sent += chunkBytes) {
    const chunk = Buffer.from(new Uint8Array(template).buffer);
    chunk.writeUInt32LE(number, 0);
    await writer.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writer.publish(await writer.digest('sha256'));
}

const store = new ContentStore(new S3Driver(JSON.parse(options)));
await store.driver.probe();
await Promise.all(Array.from({ length: Number(count) }, (_, number) => upload(store, number)));
const [, peak = '0'] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
process.stdout.write(String(Number(peak) * 1024));
