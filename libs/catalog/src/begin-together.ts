import type { Batch, BatchPlan } from '@entrepot/database/batch-lanes';
import type { DurablePoint, UploadIdentity } from './uploads.ts';

/** An upload without a row, and its first durable point. */
export interface BegunUpload {
  readonly upload: UploadIdentity;
  readonly point: Required<DurablePoint>;
}

/** `alone`: the upload has a row, which was not changed. */
export type BeginOutcome = 'done' | 'alone';

const beginSql = `
INSERT INTO upload (id, repository, project_id, principal, algorithm, size, state, state_generation)
SELECT id, repository, project_id, principal, algorithm, size, state::jsonb, state_generation
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::int[])
  k(id, repository, project_id, principal, algorithm, size, state, state_generation) ORDER BY id
ON CONFLICT (id) DO NOTHING RETURNING id`;

/** The columns of {@link beginSql} of one upload, in its order. */
export function beginValues({ upload, point }: BegunUpload): readonly unknown[] {
  const { id, repository, projectId, principal, algorithm } = upload;
  const { size, stored } = point;
  const state = JSON.stringify(stored?.state ?? {});
  return [id, repository, projectId, principal, algorithm, size, state, stored?.generation ?? 1];
}

/** The statement that records the first durable points of many uploads. */
export const beginTogether: BatchPlan<BegunUpload, BeginOutcome> = {
  claims: ({ upload }) => [upload.id],
  prepare: (begun): Batch<BeginOutcome> => {
    const rows = begun.map(beginValues);
    return {
      name: 'upload.begin-together',
      sql: beginSql,
      values: Array.from({ length: 8 }, (_, column) => rows.map((row) => row[column])),
      read: (made) => {
        const done = new Set(made.map(([id]) => id));
        return begun.map(({ upload }) => (done.has(upload.id) ? 'done' : 'alone'));
      },
    };
  },
};
