import type { ListQuery, Match } from '@entrepot/api-contract/list-query';
import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { AppError } from '@entrepot/errors/app-error';
import { parseDigest } from '@entrepot/oci/digest';
import type { Reference } from '@entrepot/oci/reference';
import { escapeLike, readListPage, type ListPage, type ListSource, type SpecialTerm } from './list-page.ts';

/**
 * SQL over `m` for the artifacts that lists show unless asked for all: neither accessories, nor children of an
 * index that have no tag of their own.
 */
export const topLevelSql = `m.live AND m.accessory_type IS NULL AND (
  NOT EXISTS (SELECT 1 FROM manifest_child c WHERE c.child_id = m.id)
  OR EXISTS (SELECT 1 FROM tag t WHERE t.manifest_id = m.id))`;

/** A tag of an artifact, as JSON brings it. */
export interface ArtifactTag {
  readonly id: number;
  readonly name: string;
  readonly pushed_at: string;
  readonly pulled_at: string | null;
}

/** An artifact as lists show it. */
export interface ArtifactRow {
  readonly id: number;
  readonly project_id: number;
  readonly repository_id: number;
  readonly repository: string;
  readonly digest: Buffer;
  readonly media_type: string;
  readonly artifact_type: string | null;
  readonly type: string;
  readonly total_size: number;
  readonly pushed_at: Date;
  readonly pulled_at: Date | null;
  /** Left out of lists when larger than 64 KiB as JSON, as are the facts: a page has a hundred rows. */
  readonly annotations: Record<string, string> | null;
  readonly facts: Record<string, unknown> | null;
  /** The manifest's bytes, unless they are too many to be read for a list. */
  readonly payload: Buffer | null;
  readonly tags: readonly ArtifactTag[] | null;
  /** Ids of the children of an index that are there, by digest in hexadecimal with the algorithm's byte. */
  readonly children: Record<string, number> | null;
  readonly accessories: readonly AccessoryRow[] | null;
}

/** What was attached to an artifact, as JSON brings it. */
export interface AccessoryRow {
  readonly id: number;
  /** In hexadecimal, with the algorithm's byte. */
  readonly digest: string;
  readonly size: number;
  readonly type: string;
  readonly pushed_at: string;
}

/** What the rows of a list carry beside the artifact itself. */
export interface ArtifactParts {
  readonly tags: boolean;
  readonly accessories: boolean;
}

const accessoryJson = `jsonb_build_object('id', a.id, 'digest', encode(a.digest, 'hex'), 'size', a.total_size,
  'type', a.accessory_type, 'pushed_at', a.pushed_at)`;
const tagsSql = `(SELECT jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'pushed_at', t.pushed_at,
  'pulled_at', (SELECT u.pulled_at FROM tag_pull u WHERE u.tag_id = t.id)) ORDER BY t.pushed_at DESC, t.id DESC) FROM tag t WHERE t.manifest_id = m.id)`;
const accessoriesSql = `(SELECT jsonb_agg(${accessoryJson} ORDER BY a.id) FROM manifest a WHERE a.repository_id = m.repository_id
  AND a.subject_digest = m.digest AND a.live AND a.accessory_type IS NOT NULL)`;

const largestInList = 65_536;

function selectOf(parts: ArtifactParts, rows: 'one' | 'page'): string {
  const describe = (column: 'annotations' | 'facts'): string =>
    rows === 'one'
      ? `m.${column}`
      : `CASE WHEN octet_length(m.${column}::text) <= ${largestInList} THEN m.${column} END AS ${column}`;
  return `m.id, r.project_id, m.repository_id, r.name AS repository, m.digest, m.media_type, m.artifact_type, m.type,
    m.total_size, m.pushed_at, ${describe('annotations')}, ${describe('facts')},
    (SELECT p.pulled_at FROM manifest_pull p WHERE p.manifest_id = m.id) AS pulled_at,
    CASE WHEN octet_length(m.payload) <= 131072 THEN m.payload END AS payload,
    ${parts.tags ? tagsSql : 'NULL'} AS tags,
    (SELECT jsonb_object_agg(encode(c.digest, 'hex'), c.child_id) FROM manifest_child c
     WHERE c.manifest_id = m.id AND c.child_id IS NOT NULL) AS children,
    ${parts.accessories ? accessoriesSql : 'NULL'} AS accessories`;
}

const from = 'manifest m JOIN repository r ON r.id = m.repository_id AND r.deleted_at IS NULL';
const columns = {
  id: { sql: 'm.id', type: 'number' },
  type: { sql: 'm.type', type: 'text' },
  manifestmediatype: { sql: 'm.media_type', type: 'text' },
  artifacttype: { sql: 'm.artifact_type', type: 'text' },
  repositoryid: { sql: 'm.repository_id', type: 'number' },
  repositoryname: { sql: 'r.name', type: 'text' },
  projectid: { sql: 'r.project_id', type: 'number' },
  size: { sql: 'm.total_size', type: 'number' },
  pushtime: { sql: 'm.pushed_at', type: 'time' },
  pulltime: {
    sql: '(SELECT p.pulled_at FROM manifest_pull p WHERE p.manifest_id = m.id)',
    type: 'time',
  },
} as const satisfies ListSource['columns'];

const hasTag = 'EXISTS (SELECT 1 FROM tag t WHERE t.manifest_id = m.id';
const special: Readonly<Record<string, SpecialTerm>> = {
  tags: (match, value) => tagCondition(match, value),
  // there are no labels yet, so nothing carries one
  labels: () => 'false',
  base: () => undefined,
  digest: (match, value) => {
    const digest = match.kind === 'exact' ? parseDigest(match.value) : undefined;
    return digest === undefined ? 'false' : `m.digest = ${value(digestToBytes(digest))}`;
  },
  // json, not jsonb: a manifest may hold numbers that no numeric does
  mediatype: (match, value) =>
    match.kind === 'exact'
      ? `coalesce(convert_from(m.payload, 'UTF8')::json #>> '{config,mediaType}', m.media_type) = ${value(match.value)}`
      : undefined,
};

function tagCondition(match: Match, value: (each: unknown) => string): string {
  switch (match.kind) {
    case 'exact':
      if (match.value === '*') return `${hasTag})`;
      if (match.value === 'nil') return `NOT ${hasTag})`;
      return `${hasTag} AND t.name = ${value(match.value)})`;
    case 'fuzzy':
      return `${hasTag} AND t.name ILIKE ${value(`%${escapeLike(match.value)}%`)})`;
    case 'any':
    case 'all':
      return `${hasTag} AND t.name = ANY (${value(match.values)}::text[]))`;
    case 'range':
      throw new AppError('BAD_REQUEST', 'q: tags takes no range');
  }
}

/**
 * A page of the artifacts to which `where` (SQL over `m` and `r`, with `values`) applies. Accessories and untagged
 * children are left out unless `q` has `base=*`.
 */
export async function listArtifactRows(
  database: Database,
  scope: { readonly where: string; readonly values: readonly unknown[] },
  list: ListQuery,
  parts: ArtifactParts,
): Promise<ListPage<ArtifactRow>> {
  const all = list.terms.some(
    ({ key, match }) => key === 'base' && match.kind === 'exact' && match.value === '*',
  );
  const where = [scope.where, all ? 'm.live' : topLevelSql];
  const order = 'm.pushed_at DESC, m.id DESC';
  return await readListPage<ArtifactRow>(
    database,
    { select: selectOf(parts, 'page'), from, where, values: scope.values, columns, special, order },
    list,
  );
}

/** One artifact of a repository, by tag or digest. */
export async function findArtifactRow(
  database: Database,
  repositoryId: number,
  reference: Reference,
  parts: ArtifactParts,
): Promise<ArtifactRow | undefined> {
  const [where, key] =
    reference.digest === undefined
      ? ['m.id = (SELECT t.manifest_id FROM tag t WHERE t.repository_id = $1 AND t.name = $2)', reference.tag]
      : ['m.repository_id = $1 AND m.digest = $2', digestToBytes(reference.digest)];
  const [row] = await database.query<ArtifactRow>(
    `SELECT ${selectOf(parts, 'one')} FROM ${from} WHERE m.live AND ${where}`,
    [repositoryId, key],
  );
  return row;
}

/** A page of what was attached to an artifact, oldest first. */
export async function listAccessoryRows(
  database: Database,
  subject: Pick<ArtifactRow, 'repository_id' | 'digest'>,
  list: ListQuery,
): Promise<ListPage<AccessoryRow>> {
  return await readListPage<AccessoryRow>(
    database,
    {
      select: `a.id, encode(a.digest, 'hex') AS digest, a.total_size AS size, a.accessory_type AS type, a.pushed_at`,
      from: 'manifest a',
      where: ['a.repository_id = $1', 'a.subject_digest = $2', 'a.live', 'a.accessory_type IS NOT NULL'],
      values: [subject.repository_id, subject.digest],
      columns: {
        id: { sql: 'a.id', type: 'number' },
        type: { sql: 'a.accessory_type', type: 'text' },
        size: { sql: 'a.total_size', type: 'number' },
        creationtime: { sql: 'a.pushed_at', type: 'time' },
      },
      order: 'a.id',
    },
    list,
  );
}
