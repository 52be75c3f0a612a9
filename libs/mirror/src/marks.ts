import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { digestFromBytes } from '@entrepot/database/digest-bytes';
import type { Digest } from '@entrepot/oci/digest';
import { parseTag, type Tag } from '@entrepot/oci/tag';

/** Something in a repository whose files may no longer be as the database says. */
export interface Mark {
  readonly repositoryId: number;
  /** As the row has it (migration 0009). */
  readonly item: string;
  /** Tells this mark from a later one of the same thing. */
  readonly seq: number;
}

/** What the marks of one repository name. */
export interface MarkedItems {
  readonly isWhole: boolean;
  readonly manifests: readonly Digest[];
  readonly tags: readonly Tag[];
  readonly blobs: readonly Digest[];
}

const take = statement<Mark>(
  'mirror.take',
  `SELECT repository_id AS "repositoryId", item, seq FROM mirror_mark ORDER BY seq LIMIT $1`,
);
const drop = statement<Mark>(
  'mirror.drop',
  `DELETE FROM mirror_mark m USING unnest($1::bigint[], $2::text[], $3::bigint[]) k(repository_id, item, seq)
   WHERE m.repository_id = k.repository_id AND m.item = k.item AND m.seq = k.seq
   RETURNING m.repository_id AS "repositoryId", m.item, m.seq`,
);
const markEverything = statement(
  'mirror.mark-everything',
  `INSERT INTO mirror_mark (repository_id, item) SELECT id, '' FROM repository WHERE deleted_at IS NULL ORDER BY id
   ON CONFLICT (repository_id, item) DO UPDATE SET seq = excluded.seq`,
);
const turn = statement<{ id: number }>(
  'mirror.turn',
  'UPDATE instance SET link_mirror = $1 WHERE link_mirror <> $1 RETURNING 1 AS id',
);
const forget = statement('mirror.forget', 'DELETE FROM mirror_mark');

/** The marks that have waited longest, up to `limit`. */
export async function takeMarks(database: Database, limit: number): Promise<readonly Mark[]> {
  return await database.run(take, [limit]);
}

/** Takes off what was done. Returns the marks that are not there any more as they were: look at those again. */
export async function dropMarks(database: Database, marks: readonly Mark[]): Promise<readonly Mark[]> {
  const gone = await database.run(drop, [
    marks.map(({ repositoryId }) => repositoryId),
    marks.map(({ item }) => item),
    marks.map(({ seq }) => seq),
  ]);
  const dropped = new Set(gone.map(({ seq }) => seq));
  return marks.filter(({ seq }) => !dropped.has(seq));
}

/** Marks every repository, to be compared as a whole. */
export async function markAll(database: Database): Promise<void> {
  await database.run(markEverything, []);
}

/** Turns the mirror on, and marks everything when it was off, or off. */
export async function turnMirror(database: Database, isOn: boolean): Promise<void> {
  await database.transaction(async () => {
    const turned = (await database.run(turn, [isOn])).length > 0;
    if (turned && isOn) await markAll(database);
    if (!isOn) await database.run(forget, []);
  });
}

/** Reads what marks of one repository name. */
export function readMarks(marks: readonly Mark[]): MarkedItems {
  const valuesOf = (kind: string): string[] =>
    marks.flatMap(({ item }) => (item.startsWith(`${kind}:`) ? item.slice(2) : []));
  const digestsOf = (kind: string): Digest[] =>
    valuesOf(kind).map((hex) => digestFromBytes(Buffer.from(hex, 'hex')));
  return {
    isWhole: marks.some(({ item }) => item === ''),
    manifests: digestsOf('m'),
    tags: valuesOf('t').flatMap((name) => parseTag(name) ?? []),
    blobs: digestsOf('b'),
  };
}
