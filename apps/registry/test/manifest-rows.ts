import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { parseDigest } from '@entrepot/oci/digest';

/** What is recorded of a manifest. */
interface ManifestRow {
  readonly id: number;
  readonly media_type: string;
  readonly type: string;
  readonly artifact_type: string | null;
  readonly accessory_type: string | null;
  readonly total_size: number;
  readonly annotations: Record<string, string>;
  readonly facts: Record<string, unknown> | null;
  readonly live: boolean;
}

const pushedTables = [
  'manifest',
  'manifest_blob',
  'manifest_child',
  'tag',
  'tag_event',
  'outbox',
  'audit_log',
  'usage_delta',
  'project_blob',
];

/** The row of the manifest with a digest, deleted or not. */
export async function manifestRow(database: Database, digest: string): Promise<ManifestRow | undefined> {
  const [row] = await database.query<ManifestRow>('SELECT * FROM manifest WHERE digest = $1', [
    digestBytes(digest),
  ]);
  return row;
}

/** The numbers of rows that a push may add to, by table. */
export async function countRows(database: Database): Promise<unknown> {
  const [row] = await database.query(
    `SELECT ${pushedTables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`).join(', ')}`,
  );
  return row;
}

/** A digest as columns hold it. */
export function digestBytes(digest: string): Buffer {
  const parsed = parseDigest(digest);
  if (parsed === undefined) throw new Error(`${digest} is no digest`);
  return digestToBytes(parsed);
}
