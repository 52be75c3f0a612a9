import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import type { Tag } from '@entrepot/oci/tag';
import { isDeadlock, isLostReference } from './catalog-error.ts';

interface Pull {
  readonly repositoryId: number;
  readonly manifestId: number;
  readonly tag: Tag | undefined;
  count: number;
  at: number;
}

const write = statement(
  'pull.write',
  `WITH pulled AS MATERIALIZED (
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[])
       p(repository_id, manifest_id, tag, count, at)
   ), manifests AS (
     INSERT INTO manifest_pull AS m (manifest_id, pulled_at, pull_count)
     SELECT p.manifest_id, max(p.at), sum(p.count) FROM pulled p
     WHERE EXISTS (SELECT 1 FROM manifest k WHERE k.id = p.manifest_id) GROUP BY 1 ORDER BY 1
     ON CONFLICT (manifest_id) DO UPDATE SET pulled_at = greatest(m.pulled_at, excluded.pulled_at),
       pull_count = m.pull_count + excluded.pull_count
   ), tags AS (
     INSERT INTO tag_pull AS t (tag_id, pulled_at)
     SELECT k.id, max(p.at) FROM pulled p JOIN tag k ON k.repository_id = p.repository_id AND k.name = p.tag
     GROUP BY 1 ORDER BY 1
     ON CONFLICT (tag_id) DO UPDATE SET pulled_at = greatest(t.pulled_at, excluded.pulled_at)
   ), counted AS (
     SELECT repository_id, sum(count) AS count FROM pulled GROUP BY 1
   ), locked AS MATERIALIZED (
     -- in one order, or two processes that count the same repositories wait for each other
     SELECT id FROM repository WHERE id IN (SELECT repository_id FROM counted) ORDER BY id FOR NO KEY UPDATE
   ) UPDATE repository r SET pull_count = r.pull_count + c.count
     FROM locked l JOIN counted c ON c.repository_id = l.id WHERE r.id = l.id`,
);

const flushMilliseconds = 5_000;
const most = 20_000;

/**
 * Counts pulls in memory and writes them in batches: a pull performs no write. What is counted and not yet written
 * is lost when the process is killed; counts are for people and retention, nobody is billed by them. `onLost` is told
 * how many pulls could not be written, and why.
 */
export class PullCounter {
  readonly #database: Database;
  readonly #onLost: (pulls: number, error: unknown) => void;
  #pulls = new Map<string, Pull>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(database: Database, onLost: (pulls: number, error: unknown) => void) {
    this.#database = database;
    this.#onLost = onLost;
  }

  /** One pull of a manifest, by a tag or by its digest. */
  add(repositoryId: number, manifestId: number, tag: Tag | undefined): void {
    const key = tag === undefined ? String(manifestId) : `${manifestId} ${tag}`;
    const known = this.#pulls.get(key);
    if (known !== undefined) {
      known.count++;
      known.at = Date.now();
      return;
    }
    this.#pulls.set(key, { repositoryId, manifestId, tag, count: 1, at: Date.now() });
    if (this.#pulls.size >= most) void this.flush();
    this.#timer ??= setTimeout(() => void this.flush(), flushMilliseconds).unref();
  }

  /** Writes what was counted. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async #write(): Promise<void> {
    const pulls = [...this.#pulls.values()];
    if (pulls.length === 0) return;
    this.#pulls = new Map();
    const values = [
      pulls.map((pull) => pull.repositoryId),
      pulls.map((pull) => pull.manifestId),
      pulls.map((pull) => pull.tag ?? null),
      pulls.map((pull) => pull.count),
      pulls.map((pull) => new Date(pull.at)),
    ];
    try {
      await this.#database.run(write, values).catch((error: unknown) => {
        // what was pulled went in the same moment: the second look leaves it out
        if (isLostReference(error) || isDeadlock(error)) return this.#database.run(write, values);
        throw error;
      });
    } catch (error) {
      this.#onLost(
        pulls.reduce((sum, pull) => sum + pull.count, 0),
        error,
      );
    }
  }
}
