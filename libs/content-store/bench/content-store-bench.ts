/**
 * CPU of the content store alone, without HTTP and database, on the file system of the directory given (default:
 * the temporary one): `node --conditions=entrepot-source libs/content-store/bench/content-store-bench.ts [dir]`.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOfHash, type Digest } from '@entrepot/oci/digest';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { ContentStore } from '../src/content-store.ts';

const mebibyte = 1024 * 1024;
const root = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'entrepot-bench-'));
const store = new ContentStore(new FilesystemDriver({ root }));
await store.driver.probe();

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs `work` and returns the seconds of CPU (all threads, user and system) and of the clock that it took. */
async function measure(
  work: () => Promise<unknown>,
): Promise<{ cpu: number; system: number; clock: number }> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / 1e6, system: system / 1e6, clock: (performance.now() - start) / 1000 };
}

async function inParallel(
  lanes: number,
  times: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function push(chunks: readonly Buffer[]): Promise<Digest> {
  const writer = await store.openUpload(randomUUID(), 1, { algorithm: 'sha256' });
  for (const chunk of chunks) {
    const wait = writer.write(Buffer.from(chunk));
    if (wait !== undefined) await wait;
  }
  const digest = await writer.digest('sha256');
  await writer.publish(digest);
  return digest;
}

async function perOperation(
  name: string,
  times: number,
  lanes: number,
  work: (index: number) => Promise<unknown>,
) {
  const { cpu, system, clock } = await measure(() => inParallel(lanes, times, work));
  const micros = ((cpu / times) * 1e6).toFixed(0);
  const kernel = ((system / times) * 1e6).toFixed(0);
  print(
    `${name}, ${lanes} at once: ${micros} µs CPU each (${kernel} in the kernel), ${(times / clock).toFixed(0)}/s`,
  );
}

/** The best of three rounds: the first one pays for pages that the machine has never touched. */
async function perGigabyte(name: string, bytes: number, work: () => Promise<unknown>): Promise<void> {
  const rounds = [await measure(work), await measure(work), await measure(work)];
  const gigabytes = bytes / 1e9;
  const cpu = Math.min(...rounds.map((round) => round.cpu)) / gigabytes;
  const clock = Math.min(...rounds.map((round) => round.clock)) / gigabytes;
  print(`${name}: ${cpu.toFixed(2)} s CPU/GB, ${(1 / clock).toFixed(2)} GB/s`);
}

const small = Array.from({ length: 6000 }, () => randomBytes(2048));
const chunks = Array.from({ length: 4096 }, () => randomBytes(65_536));
const hash = createHash('sha256');
for (const chunk of chunks.slice(0, 64)) hash.update(chunk);
const piece = digestOfHash('sha256', hash.digest('hex'));
if ((await push(chunks.slice(0, 64))) !== piece) throw new Error('the digest is wrong');

for (const [round, lanes] of [1, 4, 16].entries()) {
  const from = round * 1600;
  await perOperation('push of 2 KiB', 1600, lanes, (index) => push([small[from + index] ?? Buffer.alloc(0)]));
}
await perOperation('push of 4 MiB', 100, 4, () => push([randomBytes(16), ...chunks.slice(0, 64)]));
let large = piece;
await perGigabyte('push of 256 MiB', 256 * mebibyte, async () => {
  large = await push([randomBytes(16), ...chunks]);
});
await perGigabyte('hash of 256 MiB alone', 256 * mebibyte, async () => {
  const alone = createHash('sha256');
  for (const chunk of chunks) alone.update(chunk);
});
const layer = await push([randomBytes(65_536)]);
await perOperation('read of 64 KiB', 30_000, 16, () => store.read(layer, undefined, () => undefined));
await perGigabyte('read of 256 MiB', 1024 * mebibyte, () =>
  inParallel(1, 4, () => store.read(large, undefined, () => undefined)),
);
await rm(root, { recursive: true });
