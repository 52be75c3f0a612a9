import { Blobs } from '@entrepot/catalog/blobs';
import { healBlob } from '@entrepot/catalog/collection/heal-blob';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { BlobRows } from './blob-rows.ts';
import { Comparison } from './comparison.ts';
import type { Finding, VerifyReport } from './finding.ts';

const letCollect = statement(
  'verify.let-collect',
  'UPDATE instance SET collection_held = false WHERE collection_held',
);

/** What is verified, and what may be done about it. */
export interface VerifyOptions {
  readonly database: Database;
  readonly store: ContentStore;
  /** Per cent of the objects that are read and hashed, 0 to 100. */
  readonly samplePercent: number;
  readonly repair: boolean;
  /** Repairs nothing when more than so many per cent of what it saw are wrong: then the storage is another one. */
  readonly mostWrongPercent: number;
  readonly signal: AbortSignal;
}

/**
 * Compares the database with the storage, both ways. A repair never deletes bytes and never drops rows: bytes that
 * nothing knows get a row in quarantine, live blobs whose bytes are missing or wrong become *damaged*, so that the
 * next push heals them, and damaged ones that are whole become live again. Then everything in the storage has a row, and
 * collection, which a restore holds, goes on.
 */
export async function verifyContent(options: VerifyOptions): Promise<VerifyReport> {
  const { database, store, samplePercent, signal } = options;
  const rows = new BlobRows(database);
  const comparison = new Comparison({ rows, store, samplePercent, signal });
  await comparison.run();
  const { objects, bytes, hashed, blobs, findings } = comparison;
  const report = { objects, bytes, hashed, blobs, findings };
  if (!options.repair) return { ...report, repair: 'not-asked' };
  const wrong = findings.filter(({ kind }) => kind !== 'whole').length;
  if (wrong > (Math.max(objects, blobs) * options.mostWrongPercent) / 100) {
    return { ...report, repair: 'refused' };
  }
  for (const finding of findings) {
    signal.throwIfAborted();
    await repair(options, rows, finding);
  }
  await database.run(letCollect);
  return { ...report, repair: 'done' };
}

/** Looks once more before it changes anything: a push may have healed the blob since. */
async function repair(
  { database, store }: VerifyOptions,
  rows: BlobRows,
  { kind, digest, size }: Finding,
): Promise<void> {
  if (kind === 'unknown') await rows.adopt(digest, size);
  else if (kind === 'whole') await healBlob(database, store, digest);
  else if ((await store.isWhole(digest)) !== true) await new Blobs(database).markDamaged(digest);
}
