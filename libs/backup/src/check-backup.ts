import { listUnknownMigrations } from '@entrepot/database/schema-build';
import { AppError } from '@entrepot/errors/app-error';
import { BackupDirectory, isAbsent } from './backup-directory.ts';
import { measureFile, translateFileError } from './backup-files.ts';
import {
  listFiles,
  manifestName,
  readManifest,
  type BackupManifest,
  type SavedFile,
} from './backup-manifest.ts';
import { readBlobList, type ListedBlob } from './blob-list.ts';
import { fewAtOnce } from './few-at-once.ts';
import { sizeOf } from './save-blobs.ts';

/** A generation that can be restored. */
export interface CheckedBackup {
  readonly directory: BackupDirectory;
  readonly generation: string;
  readonly manifest: BackupManifest;
}

/**
 * Opens a generation, the newest complete one unless another is named, and reads all of its files once. Throws
 * `PRECONDITION` naming what is wrong: interrupted, of a newer version, changed since.
 */
export async function openBackup(path: string, wanted: string | undefined): Promise<CheckedBackup> {
  const directory = await BackupDirectory.open(path);
  const generation = await chooseGeneration(directory, wanted);
  const manifest = await readManifest(directory.path(generation, manifestName));
  const unknown = listUnknownMigrations(manifest.migrations);
  if (unknown.length > 0) {
    throw refused(
      `the backup was made by Entrepot ${manifest.product}, which is newer than this one (its database has ` +
        `${unknown.join(', ')}): restore it with that version`,
    );
  }
  for (const file of listFiles(manifest)) await checkFile(directory.path(generation, file.path), file);
  return { directory, generation, manifest };
}

/** The blobs of a backup; none when it was made without. */
export function listBlobs({ directory, generation, manifest }: CheckedBackup): AsyncIterable<ListedBlob> {
  const { blobs } = manifest;
  return blobs === undefined ? nothing() : readBlobList(directory.path(generation, blobs.list.path));
}

/** Throws `PRECONDITION` when live blobs are not in the backup, or have another size. */
export async function checkBlobs(backup: CheckedBackup): Promise<void> {
  let missing = 0;
  let example = '';
  await fewAtOnce(listBlobs(backup), 8, async ({ digest, size, state }) => {
    const path = backup.directory.blobPath(digest);
    if (state !== 'live' || (await sizeOf(path)) === size) return;
    missing += 1;
    example = path;
  });
  if (missing === 0) return;
  throw refused(
    `the backup lacks the bytes of ${missing} blobs (${example}, for one): copy them there, or restore without them ` +
      'by --incomplete, and push them anew',
  );
}

async function chooseGeneration(directory: BackupDirectory, wanted: string | undefined): Promise<string> {
  const all = await directory.listGenerations();
  const complete = all.filter(({ isComplete }) => isComplete).map(({ name }) => name);
  const found = wanted === undefined ? complete.at(-1) : complete.find((name) => name === wanted);
  if (found !== undefined) return found;
  const there =
    complete.length === 0 ? 'it has no complete generation' : `its generations are ${complete.join(', ')}`;
  if (wanted === undefined) throw refused(`there is nothing to restore in ${directory.root}: ${there}`);
  const state = all.some(({ name }) => name === wanted)
    ? 'is not complete: its backup was interrupted'
    : 'is not there';
  throw refused(`the generation ${wanted} of ${directory.root} ${state}; ${there}`);
}

async function checkFile(path: string, expected: SavedFile): Promise<void> {
  const found = await measureFile(path).catch((error: unknown) => {
    if (isAbsent(error)) throw refused(`${path} is missing: take another generation`);
    throw translateFileError(error, 'read', path);
  });
  if (found.sha256 === expected.sha256) return;
  throw refused(
    `the checksum of ${path} is wrong (${found.bytes} bytes, ${expected.bytes} were written): take another generation`,
  );
}

function refused(message: string): AppError {
  return new AppError('PRECONDITION', message);
}

async function* nothing(): AsyncGenerator<never> {
  // a backup that was made without blobs
}
