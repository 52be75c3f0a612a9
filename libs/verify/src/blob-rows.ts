import { digestTextSql } from '@entrepot/catalog/digest-text';
import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';

/** What the database says of a blob. `size` in bytes. */
export interface BlobRow {
  readonly id: number;
  readonly digest: Digest;
  readonly size: number;
  readonly state: 'committing' | 'live' | 'quarantined' | 'deleting' | 'damaged';
}

const columns = `id, ${digestTextSql('digest')} AS digest, size, state`;
const ofDigests = statement<BlobRow>(
  'verify.of-digests',
  `SELECT ${columns} FROM blob WHERE digest = ANY ($1)`,
);
const livePage = statement<BlobRow>(
  'verify.live-page',
  `SELECT ${columns} FROM blob WHERE id > $1 AND state = 'live' ORDER BY id LIMIT $2`,
);
const adopt = statement<{ id: number }>(
  'verify.adopt',
  `INSERT INTO blob (digest, size, live, state) VALUES ($1, $2, false, 'quarantined')
   ON CONFLICT (digest) DO NOTHING RETURNING id`,
);
/** The rows of blobs, as far as they are compared with a storage. */
export class BlobRows {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The rows of those of the digests that have one. */
  async find(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, BlobRow>> {
    const rows = await this.#database.run(ofDigests, [digests.map(digestToBytes)]);
    return new Map(rows.map((row) => [row.digest, row]));
  }

  /** Every row that says that its bytes are there, so many at a time. */
  async *listLivePages(limit: number): AsyncGenerator<readonly BlobRow[], void> {
    for (let last = 0; ;) {
      const rows = await this.#database.run(livePage, [last, limit]);
      if (rows.length > 0) yield rows;
      if (rows.length < limit) return;
      last = rows.at(-1)?.id ?? last;
    }
  }

  /** Gives bytes that nothing knows a row in quarantine, with a full window until they are removed. */
  async adopt(digest: Digest, size: number): Promise<void> {
    await this.#database.run(adopt, [digestToBytes(digest), size]);
  }
}
