import type { Database } from '@entrepot/database/database';
import { digestFromBytes, digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';

/** A page of names in byte order. `more`: there are names after the last one. */
export interface NamePage {
  readonly names: readonly string[];
  readonly more: boolean;
}

/** One entry of the referrers of a manifest (image-spec, descriptor). `size` is that of its payload, in bytes. */
export interface Referrer {
  readonly id: number;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/** A page of referrers. `more`: there are some after the last one. */
export interface ReferrerPage {
  readonly referrers: readonly Referrer[];
  readonly more: boolean;
}

const tags = statement<{ name: string }>(
  'tag.page',
  'SELECT name FROM tag WHERE repository_id = $1 AND name > $2 ORDER BY name LIMIT $3',
);
// every repository that has been pushed to, or those of some projects
const repositories = statement<{ name: string }>(
  'repository.page',
  `SELECT name FROM repository WHERE name > $1 AND deleted_at IS NULL AND pushed_at IS NOT NULL
     AND ($3::bigint[] IS NULL OR project_id = ANY ($3)) ORDER BY name LIMIT $2`,
);
// Annotations are within the payload: a page of referrers ends where their payloads pass this many bytes, or 200 of
// them could be 800 MiB in memory.
const largestPage = 4 * 1024 * 1024;
const referrers = statement<{
  id: number;
  media_type: string;
  digest: Buffer;
  size: number;
  artifact_type: string | null;
  annotations: Record<string, string> | null;
  found: number;
}>(
  'referrer.page',
  `SELECT p.* FROM (
     SELECT m.*, sum(m.size) OVER (ORDER BY m.id) - m.size AS before, count(*) OVER () AS found FROM (
       SELECT id, media_type, digest, octet_length(payload) AS size, artifact_type, annotations FROM manifest
       WHERE repository_id = $1 AND subject_digest = $2 AND live AND id > $3
         AND ($4::text IS NULL OR artifact_type = $4) ORDER BY id LIMIT $5
     ) m
   ) p WHERE p.before < ${largestPage} ORDER BY p.id`,
);

/** The lists of the distribution API, each by its key and never by an offset. */
export class TagPages {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** At most `limit` tags of a repository after `last`, in byte order. */
  async listTags(repositoryId: number, last: string, limit: number): Promise<NamePage> {
    return toPage(await this.#database.run(tags, [repositoryId, last, limit + 1]), limit);
  }

  /** At most `limit` repositories after `last`, of the given projects or (`undefined`) of all. */
  async listRepositories(
    last: string,
    limit: number,
    projectIds: readonly number[] | undefined,
  ): Promise<NamePage> {
    return toPage(await this.#database.run(repositories, [last, limit + 1, projectIds]), limit);
  }

  /** At most `limit` manifests whose subject is `digest`, after the id `after`, oldest first; fewer of large ones. */
  async listReferrers(
    repositoryId: number,
    digest: Digest,
    page: { artifactType: string | undefined; after: number; limit: number },
  ): Promise<ReferrerPage> {
    const values = [
      repositoryId,
      digestToBytes(digest),
      page.after,
      page.artifactType ?? null,
      page.limit + 1,
    ];
    const rows = await this.#database.run(referrers, values);
    const shown = rows.slice(0, page.limit).map((row) => ({
      id: row.id,
      mediaType: row.media_type,
      digest: digestFromBytes(row.digest),
      size: row.size,
      artifactType: row.artifact_type ?? undefined,
      annotations: row.annotations ?? undefined,
    }));
    return { referrers: shown, more: (rows[0]?.found ?? 0) > shown.length };
  }
}

function toPage(rows: readonly { name: string }[], limit: number): NamePage {
  return { names: rows.slice(0, limit).map((row) => row.name), more: rows.length > limit };
}
