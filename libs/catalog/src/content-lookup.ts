import { digestFromBytes, digestToBytes } from '@entrepot/database/digest-bytes';
import type { LookupPlan } from '@entrepot/database/lookup-lanes';
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
  readonly repository:
    | {
        readonly id: number;
        readonly projectId: number;
        readonly projectVersion: number;
        readonly public: boolean;
      }
    | undefined;
  readonly manifest: FoundManifest | undefined;
  /** The blob's size in bytes; `undefined` when it is not linked here, or damaged. */
  readonly blobSize: number | undefined;
  /** `undefined` when the upload has no row (yet), or none was asked for. */
  readonly upload: FoundUpload | undefined;
}

// Laterals with a limit stay nested loops over indexes, also under a plan made while the tables were empty.
const repositoryOfKey = `
CROSS JOIN LATERAL (SELECT id, project_id FROM repository WHERE name = k.name AND deleted_at IS NULL LIMIT 1) r
CROSS JOIN LATERAL (SELECT access_version, public FROM project WHERE id = r.project_id LIMIT 1) p`;
const manifestColumns = 'm.media_type, octet_length(m.payload)::bigint, m.blocked_reason';

const sql = `
SELECT 0, k.i::int, r.id, r.project_id, p.access_version, p.public, m.id, m.digest, ${manifestColumns}
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY k(name, tag, i) ${repositoryOfKey}
LEFT JOIN LATERAL (SELECT manifest_id FROM tag WHERE repository_id = r.id AND name = k.tag LIMIT 1) t ON true
LEFT JOIN LATERAL (SELECT * FROM manifest WHERE id = t.manifest_id LIMIT 1) m ON true
UNION ALL
SELECT 1, k.i::int, r.id, r.project_id, p.access_version, p.public, m.id, NULL, ${manifestColumns}
FROM unnest($3::text[], $4::bytea[]) WITH ORDINALITY k(name, digest, i) ${repositoryOfKey}
LEFT JOIN LATERAL (SELECT * FROM manifest WHERE repository_id = r.id AND digest = k.digest AND live LIMIT 1) m ON true
UNION ALL
SELECT 2, k.i::int, r.id, r.project_id, p.access_version, p.public, l.blob_id, NULL, NULL, CASE WHEN l.blob_id IS NOT NULL THEN b.size END, NULL
FROM unnest($5::text[], $6::bytea[]) WITH ORDINALITY k(name, digest, i) ${repositoryOfKey}
LEFT JOIN LATERAL (SELECT id, size FROM blob WHERE digest = k.digest AND state = 'live' LIMIT 1) b ON true
LEFT JOIN LATERAL (SELECT blob_id FROM repository_blob WHERE repository_id = r.id AND blob_id = b.id LIMIT 1) l ON true
UNION ALL
SELECT 3, k.i::int, r.id, r.project_id, p.access_version, p.public, NULL, NULL, NULL, NULL, NULL
FROM unnest($7::text[]) WITH ORDINALITY k(name, i) ${repositoryOfKey}
UNION ALL
SELECT 4, NULL, u.id, u.access_version, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM "user" u
WHERE u.id = ANY ($8::bigint[]) AND u.deleted_at IS NULL
UNION ALL
SELECT 5, NULL, b.id, b.access_version, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM robot b
WHERE b.id = ANY ($9::bigint[]) AND NOT b.disabled AND (b.expires_at IS NULL OR b.expires_at > now())
UNION ALL
SELECT 6, k.i::int, NULL, NULL, NULL, u.finished_at IS NOT NULL, NULL, NULL, NULL, u.size, NULL
FROM unnest($10::uuid[]) WITH ORDINALITY k(id, i) JOIN upload u ON u.id = k.id`;

/** The statement of the lookup lanes: tags, manifests, blobs, repositories and principals in one. */
export function contentLookup(observe?: (keys: number) => void): LookupPlan<LookupKey, LookupAnswer> {
  return { name: 'content.lookup', sql, parameters, answers, ...(observe === undefined ? {} : { observe }) };
}

type Section = 0 | 1 | 2 | 3;

function sectionOf(key: LookupKey): Section {
  if (key.content === undefined) return 3;
  if ('tag' in key.content) return 0;
  return 'manifest' in key.content ? 1 : 2;
}

function parameters(keys: readonly LookupKey[]): unknown[] {
  const names: [string[], string[], string[], string[]] = [[], [], [], []];
  const tags: string[] = [];
  const manifests: Buffer[] = [];
  const blobs: Buffer[] = [];
  const users = new Set<number>();
  const robots = new Set<number>();
  const uploads: string[] = [];
  for (const { repository, content, principal, upload } of keys) {
    if (upload !== undefined) uploads.push(upload);
    if (principal !== undefined) (principal.kind === 'user' ? users : robots).add(principal.id);
    if (content === undefined) names[3].push(repository);
    else if ('tag' in content) {
      names[0].push(repository);
      tags.push(content.tag);
    } else if ('manifest' in content) {
      names[1].push(repository);
      manifests.push(digestToBytes(content.manifest));
    } else {
      names[2].push(repository);
      blobs.push(digestToBytes(content.blob));
    }
  }
  return [names[0], tags, names[1], manifests, names[2], blobs, names[3], [...users], [...robots], uploads];
}

function answers(keys: readonly LookupKey[], rows: readonly (readonly unknown[])[]): LookupAnswer[] {
  const versions: { user: Map<number, number>; robot: Map<number, number> } = {
    user: new Map(),
    robot: new Map(),
  };
  const found = Array.from({ length: 4 }, () => new Map<number, readonly unknown[]>());
  const uploads = new Map<number, FoundUpload>();
  for (const row of rows) {
    const section = Number(row[0]);
    if (section === 6) uploads.set(Number(row[1]), { finished: row[5] === true, size: Number(row[9]) });
    else if (section >= 4) versions[section === 4 ? 'user' : 'robot'].set(Number(row[2]), Number(row[3]));
    else found[section]?.set(Number(row[1]), row);
  }
  const next = [0, 0, 0, 0];
  let nextUpload = 0;
  return keys.map((key) => {
    const section = sectionOf(key);
    const ordinal = (next[section] = (next[section] ?? 0) + 1);
    const { principal } = key;
    return {
      principalVersion: principal === undefined ? undefined : versions[principal.kind].get(principal.id),
      upload: key.upload === undefined ? undefined : uploads.get(++nextUpload),
      ...readRow(key, found[section]?.get(ordinal)),
    };
  });
}

type Content = Omit<LookupAnswer, 'principalVersion' | 'upload'>;

const nothing: Content = { repository: undefined, manifest: undefined, blobSize: undefined };

// The columns are those of the statement above, whose types PostgreSQL guarantees.
function readRow(key: LookupKey, row: readonly unknown[] | undefined): Content {
  if (row === undefined) return nothing;
  const [, , id, projectId, projectVersion, isPublic, contentId, digest, mediaType, size, blocked] = row;
  const repository = {
    id: Number(id),
    projectId: Number(projectId),
    projectVersion: Number(projectVersion),
    public: isPublic === true,
  };
  const { content } = key;
  if (content === undefined || contentId === null) return { ...nothing, repository };
  if ('blob' in content)
    return { ...nothing, repository, blobSize: size === null ? undefined : Number(size) };
  const manifest: FoundManifest = {
    id: Number(contentId),
    digest: digest instanceof Uint8Array ? digestFromBytes(digest) : askedDigest(content),
    mediaType: String(mediaType),
    size: Number(size),
    blockedReason: typeof blocked === 'string' ? blocked : undefined,
  };
  return { ...nothing, repository, manifest };
}

// A lookup by digest is answered without repeating it.
function askedDigest(content: { readonly tag: Tag } | { readonly manifest: Digest }): Digest {
  if ('manifest' in content) return content.manifest;
  throw new Error('a row of a tag has no digest');
}
