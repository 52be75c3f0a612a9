import type { BulkSession } from '@entrepot/database/bulk-session';

/** A table, with the columns that hold something of their own: generated ones follow from them. */
export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
}

/** A part of a table, and which rows it holds, in SQL. */
export interface Partition {
  readonly name: string;
  readonly table: string;
  readonly bound: string;
}

/** A sequence that has been used, and the last value that it gave. */
export interface Sequence {
  readonly name: string;
  readonly value: number;
}

/**
 * Tables that no backup has, and why: `schema_migration` is in the manifest, and the bytes of the uploads in progress
 * are not in the backup: their clients begin anew.
 */
export const leftOut: ReadonlySet<string> = new Set(['schema_migration', 'upload']);

// a partitioned table is one, whatever its partitions; tables of extensions are not ours
const ours = `FROM pg_class c
  WHERE c.relnamespace = to_regnamespace(current_schema()) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND NOT EXISTS (
      SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`;

/** Every table of the schema, in the order of their names. */
export async function listTables(session: BulkSession): Promise<readonly Table[]> {
  return await session.query<Table>(`
    SELECT c.relname AS name, (
      SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns
    ${ours} ORDER BY c.relname`);
}

/** The partitions of the schema beside the default ones, which the steps of the schema make. */
export async function listPartitions(session: BulkSession): Promise<readonly Partition[]> {
  return await session.query<Partition>(`
    SELECT c.relname AS name, t.relname AS table, pg_get_expr(c.relpartbound, c.oid) AS bound
    FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class t ON t.oid = i.inhparent
    WHERE c.relispartition AND c.relkind = 'r' AND c.relnamespace = to_regnamespace(current_schema())
      AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT' ORDER BY c.relname`);
}

/** The sequences of the schema that have been used. */
export async function listSequences(session: BulkSession): Promise<readonly Sequence[]> {
  return await session.query<Sequence>(`
    SELECT sequencename AS name, last_value AS value FROM pg_sequences
    WHERE schemaname = current_schema() AND last_value IS NOT NULL ORDER BY sequencename`);
}

/** Puts tables into an order in which each comes after those that its foreign keys name. */
export async function sortByDependency<T extends { readonly name: string }>(
  session: BulkSession,
  tables: readonly T[],
): Promise<readonly T[]> {
  const keys = await session.query<{ from: string; to: string }>(`
    SELECT DISTINCT c.relname AS "from", t.relname AS "to" FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
    WHERE k.contype = 'f' AND k.connamespace = to_regnamespace(current_schema()) AND k.conrelid <> k.confrelid`);
  const sorted = new Set<T>();
  let left = [...tables];
  while (left.length > 0) {
    const names = new Set(left.map(({ name }) => name));
    const waits = (table: T): boolean => keys.some((key) => key.from === table.name && names.has(key.to));
    const ready = left.filter((table) => !waits(table));
    if (ready.length === 0) throw new Error(`the foreign keys of ${[...names].join(', ')} go in a circle`);
    for (const table of ready) sorted.add(table);
    left = left.filter((table) => !sorted.has(table));
  }
  return [...sorted];
}

/** A name in SQL. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The session's text formats, the same for those who write and those who read. */
export const textFormats = `SET client_encoding = 'UTF8'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';
  SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET statement_timeout = 0;
  SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0`;
