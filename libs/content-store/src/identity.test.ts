import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MemoryDriver } from '@entrepot/storage/memory/memory-driver';
import { ContentStore } from './content-store.ts';
import { readIdentity, writeIdentity } from './identity.ts';
import { identityKey } from './layout.ts';

describe('storage identity', () => {
  it('is absent from a new storage', async () => {
    expect(await readIdentity(new ContentStore(new MemoryDriver()))).toBeUndefined();
  });

  it('is read back as it was written, and replaced by a later one', async () => {
    const store = new ContentStore(new MemoryDriver());
    const first = { instance: randomUUID(), format: 1, epoch: 1 } as const;
    await writeIdentity(store, first);
    expect(await readIdentity(store)).toEqual(first);
    await writeIdentity(store, { ...first, epoch: 2 });
    expect(await readIdentity(store)).toEqual({ ...first, epoch: 2 });
  });

  it.each([
    '',
    'not JSON',
    'null',
    '{}',
    '{"instance":"x","format":1,"epoch":1}',
    `{"instance":"${randomUUID()}","format":2,"epoch":1}`,
    `{"instance":"${randomUUID()}","format":1,"epoch":0}`,
  ])('is refused when the file holds %j', async (text) => {
    const store = new ContentStore(new MemoryDriver());
    await store.driver.put(identityKey, Buffer.from(text));
    await expect(readIdentity(store)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});
