import { createHash } from 'node:crypto';
import { BulkSession } from '@entrepot/database/bulk-session';
import type { ConnectionOptions } from '@entrepot/database/connection-options';
import { withFixedSchema } from '@entrepot/database/schema-build';
import { BackupDirectory } from './backup-directory.ts';
import { translateFileError, writeWhole } from './backup-files.ts';
import { manifestName, writeManifest, type BackupManifest, type SavedFile } from './backup-manifest.ts';
import { readBlobList } from './blob-list.ts';
import { confirmHold, holdDeletion } from './deletion-hold.ts';
import { prune, type Pruned } from './prune.ts';
import { saveBlobs, type BlobSource, type SavedBlobs } from './save-blobs.ts';
import { readInstance, saveDatabase, type SnapshotTarget } from './save-database.ts';

/** What is backed up, and where to. */
export interface BackupOptions {
  /** Past any pooler. */
  readonly connection: ConnectionOptions;
  /** Not there: the bytes are kept safe by other means. */
  readonly blobs?: BlobSource;
  /** The secret key, when it lies in a file of the data directory; one that a setting gives is kept elsewhere. */
  readonly secretKey?: string;
  readonly to: string;
  /** Complete generations that stay; 1 or more. */
  readonly keep: number;
  /** The version of the product. */
  readonly product: string;
}

/** What a backup did. */
export interface BackupReport {
  readonly generation: string;
  readonly manifest: BackupManifest;
  readonly blobs: SavedBlobs | undefined;
  readonly pruned: Pruned;
}

/**
 * Backs up one moment of an instance while everything runs on. No blob is removed meanwhile, in any process. One that
 * is interrupted leaves nothing that a restore would take, and the next one goes on with the blobs that it has copied.
 *
 * @throws AppError `PRECONDITION` (the directory holds something else), `CONFLICT` (another backup runs),
 * `STORAGE_FULL`, `STORAGE_FAILED`, `UNAVAILABLE`.
 */
export async function createBackup(options: BackupOptions): Promise<BackupReport> {
  const session = await BulkSession.open(options.connection, 'backup');
  try {
    const { instance } = await readInstance(session);
    const directory = await BackupDirectory.prepare(options.to, instance);
    await holdDeletion(session);
    const generation = new Date().toISOString().replaceAll(/[:.]/g, '-');
    try {
      const { manifest, blobs } = await writeGeneration(session, directory, { ...options, generation });
      const pruned = await prune(directory, options.keep);
      return { generation, manifest, blobs, pruned };
    } catch (error) {
      throw translateFileError(error, 'write', directory.root);
    }
  } finally {
    await session.close();
  }
}

async function writeGeneration(
  session: BulkSession,
  directory: BackupDirectory,
  options: BackupOptions & { readonly generation: string },
): Promise<Pick<BackupReport, 'manifest' | 'blobs'>> {
  const { generation, product } = options;
  const createdAt = new Date().toISOString();
  await directory.addGeneration(generation);
  const target = { directory, generation, withBlobs: options.blobs !== undefined };
  const { blobList, keyCheck, ...database } = await withFixedSchema(session, () =>
    saveDatabase(session, target),
  );
  const keyFile =
    options.secretKey === undefined ? {} : { file: await saveKey(options.secretKey, directory, generation) };
  const blobs = await saveListed(options.blobs, target, blobList);
  await directory.syncGeneration(generation);
  await confirmHold(session);
  const manifest: BackupManifest = {
    format: 1,
    product,
    createdAt,
    ...database,
    secretKey: { check: keyCheck, ...keyFile },
    ...(blobs === undefined || blobList === undefined ? {} : { blobs: describeBlobs(blobs, blobList) }),
  };
  await writeManifest(directory.path(generation, manifestName), manifest);
  return { manifest, blobs };
}

async function saveKey(key: string, directory: BackupDirectory, generation: string): Promise<SavedFile> {
  const text = `${key}\n`;
  await writeWhole(directory.path(generation, 'secret-key'), text);
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { path: 'secret-key', bytes: Buffer.byteLength(text), sha256 };
}

async function saveListed(
  source: BlobSource | undefined,
  { directory, generation }: SnapshotTarget,
  list: SavedFile | undefined,
): Promise<SavedBlobs | undefined> {
  if (source === undefined || list === undefined) return undefined;
  return await saveBlobs(source, directory, readBlobList(directory.path(generation, list.path)));
}

function describeBlobs(
  { count, bytes, missing }: SavedBlobs,
  list: SavedFile,
): NonNullable<BackupManifest['blobs']> {
  return { list, count, bytes, missing };
}
