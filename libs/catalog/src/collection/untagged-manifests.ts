import type { Database } from '@entrepot/database/database';
import { digestFromBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { UntaggedManifest } from './manifest-reviews.ts';

interface UntaggedRow {
  readonly last: number;
  readonly repository_id: number | null;
  readonly digest: Buffer | null;
}

const pageRows = 500;

const page = statement<UntaggedRow>(
  'manifest.untagged-page',
  `SELECT k.id AS last, m.repository_id, m.digest
   FROM (SELECT id FROM manifest WHERE id > $1 ORDER BY id LIMIT ${pageRows}) k
   LEFT JOIN LATERAL (SELECT m.repository_id, m.digest, m.subject_digest FROM manifest m
     WHERE m.id = k.id AND m.live AND m.pushed_at <= now() - make_interval(secs => $2)
       AND NOT EXISTS (SELECT 1 FROM tag WHERE manifest_id = m.id)
       AND NOT EXISTS (SELECT 1 FROM manifest_child WHERE child_id = m.id)
       AND NOT EXISTS (SELECT 1 FROM manifest s
         WHERE s.repository_id = m.repository_id AND s.digest = m.subject_digest AND s.live) LIMIT 1) m ON true
   ORDER BY k.id`,
);

/**
 * Manifests without a tag, an index or a living subject that were pushed at least so many seconds ago, a page at a
 * time, whatever their projects want: for a run that somebody asked for.
 */
export async function* listUntaggedManifests(
  database: Database,
  seconds: number,
): AsyncGenerator<readonly UntaggedManifest[], void> {
  for (let last = 0; ;) {
    const rows = await database.run(page, [last, seconds]);
    const found = rows.flatMap((row): UntaggedManifest[] =>
      row.digest === null || row.repository_id === null
        ? []
        : [{ repositoryId: row.repository_id, digest: digestFromBytes(row.digest) }],
    );
    yield found;
    if (rows.length < pageRows) return;
    last = rows.at(-1)?.last ?? last;
  }
}
