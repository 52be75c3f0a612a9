import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { expireUploadsHandler } from './expire-uploads.ts';

let test: TestDatabase;
let database: Database;
let root: string;
let store: ContentStore;
let projectId: number;

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
  root = await mkdtemp(join(tmpdir(), 'entrepot-expire-'));
  store = new ContentStore(new FilesystemDriver({ root }));
  const [row] = await database.query<{ id: number }>(`INSERT INTO project (name) VALUES ('p') RETURNING id`);
  projectId = row?.id ?? 0;
});
afterAll(async () => {
  await test.close();
  await rm(root, { recursive: true, force: true });
});

/** Bytes of an upload and, with `rowHours`, its row; last touched so many hours ago. */
async function anUpload(bytesHours: number, rowHours?: number): Promise<string> {
  const uuid = randomUUID();
  const writer = await store.openUpload(uuid, 1, { algorithm: 'sha256' });
  await writer.write(Buffer.from('bytes'));
  await writer.flush();
  await writer.close();
  const then = new Date(Date.now() - bytesHours * 3_600_000);
  await utimes(join(root, `docker/registry/uploads/${uuid}.1`), then, then);
  if (rowHours !== undefined) {
    await database.query(
      `INSERT INTO upload (id, repository, project_id, principal, algorithm, updated_at)
       VALUES ($1, 'p/r', $2, 'user:1', 'sha256', now() - make_interval(hours => $3))`,
      [uuid, projectId, rowHours],
    );
  }
  return uuid;
}

describe('upload.expire', () => {
  it('removes what nobody can go on with, rows and bytes, and nothing else', async () => {
    await anUpload(30, 30);
    await anUpload(30);
    const living = [await anUpload(30, 2), await anUpload(1, 1), await anUpload(1)];
    const handler = expireUploadsHandler({ database, store });
    const signal = new AbortController().signal;
    await handler.run({}, { taskId: 1, attempt: 1, signal, log: () => undefined });

    const files = await readdir(join(root, 'docker/registry/uploads'));
    expect(files.toSorted()).toEqual(living.map((uuid) => `${uuid}.1`).toSorted());
    const rows = await database.query<{ id: string }>('SELECT id FROM upload');
    expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(living.slice(0, 2)));
  });

  it('leaves an upload alone that a request is writing to', async () => {
    const uuid = await anUpload(30, 30);
    await database.query(
      `UPDATE upload SET owner = 'x', lease_until = now() + interval '10 s' WHERE id = $1`,
      [uuid],
    );
    const handler = expireUploadsHandler({ database, store });
    const signal = new AbortController().signal;
    await handler.run({}, { taskId: 1, attempt: 1, signal, log: () => undefined });
    expect(await readdir(join(root, 'docker/registry/uploads'))).toContain(`${uuid}.1`);
  });
});
