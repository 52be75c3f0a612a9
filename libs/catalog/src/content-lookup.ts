import { digestFromBytes, digestToBytes } from '@entrepot/database/digest-bytes';
import type { Batch, BatchPlan } from '@entrepot/database/batch-lanes';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';

/** Who asks, as far as a lookup needs it: the version of the row says whether the caller's rights still hold. */
export type LookupPrincipal = { readonly kind: 'user' | 'robot'; readonly id: number } | undefined;

/** One question of a pull or of the beginning of a push. */
export interface LookupKey {
  readonly repository: RepositoryName;
  readonly principal: LookupPrincipal;
  readonly content:
    | { readonly tag: Tag }
    | { readonly manifest: Digest }
    | { readonly blob: Digest }
    | undefined;
  /** An upload whose row is wanted too. */
  readonly upload?: string;
}

/** A repository with what tokens about its project must carry. */
export interface FoundRepository {
  readonly id: number;
  readonly projectId: number;
  readonly projectVersion: number;
  readonly public: boolean;
}

/** An upload's row, as far as a request has to know before it begins. `size`: the durable bytes. */
export interface FoundUpload {
  readonly size: number;
  readonly finished: boolean;
}

/** A manifest as the row knows it. `size` is that of the payload, in bytes. */
export interface FoundManifest {
  readonly id: number;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly blockedReason: string | undefined;
}

/** Everything about an answer that can change, as fresh as the last acknowledged change. */
export interface LookupAnswer {
  /** `access_version` of the principal; `undefined` when it is gone, disabled or expired, or none was given. */
  readonly principalVersion: number | undefined;
  /** `undefined` when no such repository exists. */
  readonly repository: FoundRepository | undefined;
  readonly manifest: FoundManifest | undefined;
  /** The blob's size in bytes; `undefined` when it is not linked here, or damaged. */
  readonly blobSize: number | undefined;
  /** `undefined` when the upload has no row (yet), or none was asked for. */
  readonly upload: FoundUpload | undefined;
}

// One part of the statement for each kind of key; `$a` and `$b` are its parameters, arrays. Laterals with a limit stay
// nested loops over indexes, also under a plan made while the tables were empty.
const repositoryOfKey = `
CROSS JOIN LATERAL (SELECT id, project_id FROM repository WHERE name = k.name AND deleted_at IS NULL LIMIT 1) r
CROSS JOIN LATERAL (SELECT access_version, public FROM project WHERE id = r.project_id LIMIT 1) p`;
const repositoryColumns = 'k.i::int, r.id, r.project_id, p.access_version, p.public';
const manifestColumns = 'm.media_type, octet_length(m.payload)::bigint, m.blocked_reason';
const noContent = 'NULL::bigint, NULL::bytea, NULL::text, NULL::bigint, NULL::text';

const parts = {
  tag: `SELECT 0, ${repositoryColumns}, m.id, m.digest, ${manifestColumns}
    FROM unnest($a::text[], $b::text[]) WITH ORDINALITY k(name, tag, i) ${repositoryOfKey}
    LEFT JOIN LATERAL (SELECT manifest_id FROM tag WHERE repository_id = r.id AND name = k.tag LIMIT 1) t ON true
    LEFT JOIN LATERAL (SELECT * FROM manifest WHERE id = t.manifest_id LIMIT 1) m ON true`,
  manifest: `SELECT 1, ${repositoryColumns}, m.id, NULL::bytea, ${manifestColumns}
    FROM unnest($a::text[], $b::bytea[]) WITH ORDINALITY k(name, digest, i) ${repositoryOfKey}
    LEFT JOIN LATERAL (
      SELECT * FROM manifest WHERE repository_id = r.id AND digest = k.digest AND live LIMIT 1) m ON true`,
  blob: `SELECT 2, ${repositoryColumns}, l.blob_id, NULL::bytea, NULL::text,
      CASE WHEN l.blob_id IS NOT NULL THEN b.size END, NULL::text
    FROM unnest($a::text[], $b::bytea[]) WITH ORDINALITY k(name, digest, i) ${repositoryOfKey}
    LEFT JOIN LATERAL (SELECT id, size FROM blob WHERE digest = k.digest AND state = 'live' LIMIT 1) b ON true
    LEFT JOIN LATERAL (
      SELECT blob_id FROM repository_blob WHERE repository_id = r.id AND blob_id = b.id LIMIT 1) l ON true`,
  repository: `SELECT 3, ${repositoryColumns}, ${noContent}
    FROM unnest($a::text[]) WITH ORDINALITY k(name, i) ${repositoryOfKey}`,
  user: `SELECT 4, 0, u.id, NULL::bigint, u.access_version, NULL::boolean, ${noContent} FROM unnest($a::bigint[]) k(id)
    CROSS JOIN LATERAL (SELECT id, access_version FROM "user" WHERE id = k.id AND deleted_at IS NULL LIMIT 1) u`,
  robot: `SELECT 5, 0, u.id, NULL::bigint, u.access_version, NULL::boolean, ${noContent} FROM unnest($a::bigint[]) k(id)
    CROSS JOIN LATERAL (
      SELECT id, access_version FROM robot
      WHERE id = k.id AND NOT disabled AND (expires_at IS NULL OR expires_at > now()) LIMIT 1) u`,
  upload: `SELECT 6, k.i::int, NULL::bigint, NULL::bigint, NULL::int, u.finished_at IS NOT NULL, NULL::bigint,
      NULL::bytea, NULL::text, u.size, NULL::text
    FROM unnest($a::uuid[]) WITH ORDINALITY k(id, i)
    CROSS JOIN LATERAL (SELECT finished_at, size FROM upload WHERE id = k.id LIMIT 1) u`,
} as const;

type PartName = keyof typeof parts;

const order: readonly PartName[] = ['tag', 'manifest', 'blob', 'repository', 'user', 'robot', 'upload'];
const statements = new Map<string, string>();

/** The statement of these parts; the others would only cost their executor's start. */
function sqlOf(names: readonly PartName[]): string {
  const key = names.join();
  const known = statements.get(key);
  if (known !== undefined) return known;
  let next = 0;
  const sql = names
    .map((name) => parts[name].replace('$a', () => `$${++next}`).replace('$b', () => `$${++next}`))
    .join('\nUNION ALL\n');
  statements.set(key, sql);
  return sql;
}

/** What is asked of one part, each key once: many requests for one tag are one question. */
class PartKeys {
  readonly #ordinals = new Map<string, number>();
  readonly first: (string | number)[] = [];
  readonly second: (string | Buffer)[] = [];

  /** The ordinal under which the rows answer this key. */
  add(first: string | number, second?: string, toColumn?: () => Buffer): number {
    const key = second === undefined ? String(first) : `${first} ${second}`;
    const known = this.#ordinals.get(key);
    if (known !== undefined) return known;
    this.first.push(first);
    if (second !== undefined) this.second.push(toColumn === undefined ? second : toColumn());
    this.#ordinals.set(key, this.first.length);
    return this.first.length;
  }
}

/** The statement of the lookup lanes: tags, manifests, blobs, repositories, principals and uploads in one. */
export function contentLookup(observe?: (keys: number) => void): BatchPlan<LookupKey, LookupAnswer> {
  return { prepare, ...(observe === undefined ? {} : { observe }) };
}

interface Place {
  readonly part: PartName;
  readonly ordinal: number;
  readonly upload: number | undefined;
}

function prepare(keys: readonly LookupKey[]): Batch<LookupAnswer> {
  const asked = new Map<PartName, PartKeys>();
  const part = (name: PartName): PartKeys => {
    let found = asked.get(name);
    if (found === undefined) asked.set(name, (found = new PartKeys()));
    return found;
  };
  const places = keys.map((key): Place => {
    if (key.principal !== undefined) part(key.principal.kind).add(key.principal.id);
    const upload = key.upload === undefined ? undefined : part('upload').add(key.upload);
    return { ...placeOf(key, part), upload };
  });
  const names = order.filter((name) => asked.has(name));
  const values = names.flatMap((name): unknown[] => {
    const { first, second } = part(name);
    return second.length === 0 ? [first] : [first, second];
  });
  return {
    name: `content.lookup-${names.join('-')}`,
    sql: sqlOf(names),
    values,
    read: (rows) => readRows(keys, places, rows),
  };
}

function placeOf(
  { repository, content }: LookupKey,
  part: (name: PartName) => PartKeys,
): Omit<Place, 'upload'> {
  if (content === undefined) return { part: 'repository', ordinal: part('repository').add(repository) };
  if ('tag' in content) return { part: 'tag', ordinal: part('tag').add(repository, content.tag) };
  const [name, digest] =
    'manifest' in content ? (['manifest', content.manifest] as const) : (['blob', content.blob] as const);
  return { part: name, ordinal: part(name).add(repository, digest, () => digestToBytes(digest)) };
}

type Row = readonly unknown[];

/** The rows of one statement, by part and key. */
class FoundRows {
  readonly #rows = new Map<PartName, Map<number, Row>>();

  constructor(rows: readonly Row[]) {
    for (const row of rows) {
      const part = order[Number(row[0])];
      // principals are found by their id, everything else by the ordinal of its key
      if (part !== undefined)
        this.#add(part, Number(part === 'user' || part === 'robot' ? row[2] : row[1]), row);
    }
  }

  find(part: PartName, key: number): Row | undefined {
    return this.#rows.get(part)?.get(key);
  }

  #add(part: PartName, key: number, row: Row): void {
    const known = this.#rows.get(part);
    if (known === undefined) this.#rows.set(part, new Map<number, Row>([[key, row]]));
    else known.set(key, row);
  }
}

function readRows(
  keys: readonly LookupKey[],
  places: readonly Place[],
  rows: readonly Row[],
): LookupAnswer[] {
  const found = new FoundRows(rows);
  return places.map((place, index): LookupAnswer => {
    const key = keys[index];
    const row = found.find(place.part, place.ordinal);
    return {
      principalVersion: readPrincipal(found, key?.principal),
      upload: place.upload === undefined ? undefined : readUpload(found.find('upload', place.upload)),
      repository: row === undefined ? undefined : readRepository(row),
      manifest: row === undefined ? undefined : readManifest(row, key?.content),
      blobSize: place.part === 'blob' ? readBlobSize(row) : undefined,
    };
  });
}

// The columns are those of the parts above, whose types PostgreSQL guarantees.

function readPrincipal(found: FoundRows, principal: LookupPrincipal): number | undefined {
  if (principal === undefined) return undefined;
  const row = found.find(principal.kind, principal.id);
  return row === undefined ? undefined : Number(row[4]);
}

function readUpload(row: Row | undefined): FoundUpload | undefined {
  return row === undefined ? undefined : { finished: row[5] === true, size: Number(row[9]) };
}

function readRepository(row: Row): FoundRepository {
  return {
    id: Number(row[2]),
    projectId: Number(row[3]),
    projectVersion: Number(row[4]),
    public: row[5] === true,
  };
}

function readBlobSize(row: Row | undefined): number | undefined {
  return row === undefined || row[9] === null ? undefined : Number(row[9]);
}

function readManifest(row: Row, content: LookupKey['content']): FoundManifest | undefined {
  const [, , , , , , id, digest, mediaType, size, blocked] = row;
  if (id === null || content === undefined || 'blob' in content) return undefined;
  return {
    id: Number(id),
    // a lookup by digest is answered without repeating it
    digest: 'manifest' in content ? content.manifest : digestFromColumn(digest),
    mediaType: String(mediaType),
    size: Number(size),
    blockedReason: typeof blocked === 'string' ? blocked : undefined,
  };
}

function digestFromColumn(value: unknown): Digest {
  if (value instanceof Uint8Array) return digestFromBytes(value);
  throw new Error('a row of a tag has no digest');
}
