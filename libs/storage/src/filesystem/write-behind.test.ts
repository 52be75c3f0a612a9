import { open } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { WriteBehind } from './write-behind.ts';

const stride = 32 * 1024 * 1024;

async function descriptorOf(path: string): Promise<number> {
  const handle = await open(path, 'r');
  onTestFinished(() => handle.close());
  return handle.fd;
}

it('throws what a sync met at the next write and at the end, even where a later sync would succeed', async () => {
  const behind = new WriteBehind();
  behind.wrote(await descriptorOf('/dev/null'), stride);
  await behind.settle();
  const healthy = await descriptorOf(import.meta.filename);
  expect(() => {
    behind.wrote(healthy, 1);
  }).toThrow('EINVAL');
  await expect(behind.finish(healthy)).rejects.toThrow('EINVAL');
});

it('syncs nothing before much was written', async () => {
  const behind = new WriteBehind();
  const broken = await descriptorOf('/dev/null');
  behind.wrote(broken, stride - 1);
  await behind.settle();
  await expect(behind.finish(await descriptorOf(import.meta.filename))).resolves.toBeUndefined();
});

it('leaves threads of the pool to others: a third long file waits for its last sync', async () => {
  const broken = await descriptorOf('/dev/null');
  const healthy = await descriptorOf(import.meta.filename);
  const files = [new WriteBehind(), new WriteBehind(), new WriteBehind()];
  for (const file of files) file.wrote(broken, stride);
  const ends = await Promise.allSettled(files.map((file) => file.finish(healthy)));
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
});

it('syncs what was written once, and again after more was', async () => {
  const behind = new WriteBehind();
  const [healthy, broken] = [await descriptorOf(import.meta.filename), await descriptorOf('/dev/null')];
  behind.wrote(healthy, 1);
  await behind.finish(healthy);
  await expect(behind.finish(broken)).resolves.toBeUndefined();
  behind.wrote(healthy, 1);
  await expect(behind.finish(broken)).rejects.toThrow('EINVAL');
  await expect(behind.finish(healthy)).rejects.toThrow('EINVAL');
});

it('syncs a file that was only made', async () => {
  await expect(new WriteBehind().finish(await descriptorOf('/dev/null'))).rejects.toThrow('EINVAL');
});

it('does not take for synced what was written while a sync ran', async () => {
  const behind = new WriteBehind();
  const [healthy, broken] = [await descriptorOf(import.meta.filename), await descriptorOf('/dev/null')];
  const finished = behind.finish(healthy);
  // the sync is in the thread pool now, and its end is told in a later turn
  await new Promise<void>((resolve) => process.nextTick(resolve));
  behind.wrote(healthy, 1);
  await finished;
  await expect(behind.finish(broken)).rejects.toThrow('EINVAL');
});
