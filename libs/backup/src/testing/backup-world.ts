import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContentStore } from '@entrepot/content-store/content-store';
import { blobKey } from '@entrepot/content-store/layout';
import { BulkSession } from '@entrepot/database/bulk-session';
import type { ConnectionOptions } from '@entrepot/database/connection-options';
import { digestOfHash, type Digest } from '@entrepot/oci/digest';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { openBackup, type CheckedBackup } from '../check-backup.ts';
import { createBackup, type BackupOptions, type BackupReport } from '../create-backup.ts';
import { restoreBackup, type RestoreReport } from '../restore-backup.ts';
import { listTables, quote } from '../tables.ts';

/** A storage in a directory of its own. */
export interface TestStorage {
  readonly root: string;
  readonly store: ContentStore;
}

/** Directories for the backups of a test file, and what tests ask of them. */
export class BackupWorld {
  readonly directory: string;
  #count = 0;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<BackupWorld> {
    return new BackupWorld(await mkdtemp(join(tmpdir(), 'entrepot-backup-')));
  }

  /** A path that nothing has been written to. */
  newPath(): string {
    this.#count += 1;
    return join(this.directory, `new-${this.#count}`);
  }

  async aStorage(): Promise<TestStorage> {
    const root = this.newPath();
    const store = new ContentStore(new FilesystemDriver({ root }));
    await store.driver.probe();
    return { root, store };
  }

  /** Backs up to a new directory, unless one is named. */
  async backUp(
    connection: ConnectionOptions,
    storage: TestStorage | undefined,
    more: Partial<BackupOptions> = {},
  ): Promise<BackupReport & { readonly to: string }> {
    const to = more.to ?? this.newPath();
    const blobs = storage === undefined ? {} : { blobs: { store: storage.store, files: storage.root } };
    const report = await createBackup({ connection, to, keep: 7, product: '1.2.3', ...blobs, ...more });
    return { ...report, to };
  }

  /** Restores into a storage. */
  async restore(
    from: string,
    connection: ConnectionOptions,
    { store, root }: TestStorage,
    more: { readonly acceptsLoss?: boolean; readonly generation?: string } = {},
  ): Promise<RestoreReport & { readonly backup: CheckedBackup }> {
    const backup = await openBackup(from, more.generation);
    const takeKey = async (): Promise<void> => undefined;
    const { acceptsLoss = false } = more;
    const options = { backup, connection, store, place: root, acceptsLoss, takeKey };
    return { ...(await restoreBackup(options)), backup };
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Makes the row of an instance, as the first start does. */
export async function makeInstance(connection: ConnectionOptions): Promise<void> {
  await ask(
    connection,
    "INSERT INTO instance (instance_id, secret_key_check) VALUES (gen_random_uuid(), 'check')",
  );
}

/** Puts random bytes into a storage, as a blob. */
export async function putBlob({ store }: TestStorage, bytes = randomBytes(100)): Promise<Digest> {
  const digest = digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
  const writer = await store.openUpload(randomUUID(), 0, { algorithm: 'sha256' });
  // the writer keeps what it is given
  await writer.write(Buffer.from(bytes));
  await writer.publish(digest);
  return digest;
}

/** Where a storage has the bytes of a blob. */
export function pathOf({ root }: TestStorage, digest: Digest): string {
  return join(root, blobKey(digest));
}

/** Asks on a connection of its own. */
export async function ask<Row extends object>(
  connection: ConnectionOptions,
  sql: string,
  values?: readonly unknown[],
): Promise<Row[]> {
  const session = await BulkSession.open(connection, 'test');
  try {
    return await session.query<Row>(sql, values);
  } finally {
    await session.close();
  }
}

/** Every row of every table as text, sorted. */
export async function readRows(connection: ConnectionOptions): Promise<Record<string, string[]>> {
  const session = await BulkSession.open(connection, 'test');
  try {
    await session.query("SET TimeZone = 'UTC'");
    const rows: Record<string, string[]> = {};
    for (const { name } of await listTables(session)) {
      const found = await session.query<{ line: string }>(`SELECT t::text AS line FROM ${quote(name)} t`);
      rows[name] = found.map(({ line }) => line).toSorted();
    }
    return rows;
  } finally {
    await session.close();
  }
}
