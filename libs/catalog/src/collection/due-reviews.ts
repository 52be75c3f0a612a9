import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import type { CollectionWindows } from './collection-windows.ts';

/** What collection looks at. */
export const reviewKinds = ['manifest', 'link', 'blob'] as const;

/** One of {@link reviewKinds}. */
export type ReviewKind = (typeof reviewKinds)[number];

const mostCounted = 100_000;

/** The reviews of each kind that are due: those that wait their delay, and those that are due at their time. */
const dueSql: Readonly<Record<ReviewKind, readonly [table: string, delayed: string, punctual: string]>> = {
  manifest: ['manifest_review', `reason <> 'deleted'`, `reason = 'deleted'`],
  link: ['link_review', 'true', 'false'],
  blob: ['blob_review', `reason = 'new'`, `reason <> 'new'`],
};

function countOf(kind: ReviewKind): string {
  const [table, delayed, punctual] = dueSql[kind];
  return `(SELECT count(*)::int FROM (
    (SELECT 1 FROM ${table} WHERE review_after <= now() - make_interval(secs => $1) AND ${delayed} LIMIT ${mostCounted})
    UNION ALL (SELECT 1 FROM ${table} WHERE review_after <= now() AND ${punctual} LIMIT ${mostCounted})) due)`;
}

function ageOf(kind: ReviewKind): string {
  const [table, delayed, punctual] = dueSql[kind];
  return `SELECT greatest(0, extract(epoch FROM now() - least(
    (SELECT review_after + make_interval(secs => $1) FROM ${table} WHERE ${delayed} ORDER BY review_after LIMIT 1),
    (SELECT review_after FROM ${table} WHERE ${punctual} ORDER BY review_after LIMIT 1))))::float8 AS seconds`;
}

const counts = statement<Record<ReviewKind, number>>(
  'review.due',
  `SELECT ${reviewKinds.map((kind) => `${countOf(kind)} AS ${kind}`).join(', ')}`,
);
const ages = {
  manifest: statement<{ seconds: number | null }>('review.manifest-age', ageOf('manifest')),
  link: statement<{ seconds: number | null }>('review.link-age', ageOf('link')),
  blob: statement<{ seconds: number | null }>('review.blob-age', ageOf('blob')),
} as const;

/** How many reviews of each kind are due; beyond 100,000 it may be more. */
export async function countDueReviews(
  database: Database,
  { reviewSeconds }: Pick<CollectionWindows, 'reviewSeconds'>,
): Promise<Readonly<Record<ReviewKind, number>>> {
  const [row] = await database.run(counts, [reviewSeconds]);
  return row ?? { manifest: 0, link: 0, blob: 0 };
}

/** Seconds for which the oldest review of a kind has been due; 0 when none is. */
export async function readReviewAge(
  database: Database,
  kind: ReviewKind,
  { reviewSeconds }: Pick<CollectionWindows, 'reviewSeconds'>,
): Promise<number> {
  return (await database.run(ages[kind], [reviewSeconds]))[0]?.seconds ?? 0;
}
