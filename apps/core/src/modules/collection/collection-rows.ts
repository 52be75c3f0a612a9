import { z } from 'zod';
import type { getGc } from '@entrepot/api-contract/collection';
import type { ResultOf } from '@entrepot/api-contract/operation';
import { collectionParameters, type CollectionParameters } from '@entrepot/jobs/collection-runs';
import type { CronKind, CronSchedule } from '@entrepot/jobs/cron-schedules';
import type { Execution, ExecutionStatus } from '@entrepot/jobs/executions';

type History = ResultOf<typeof getGc>;

const jobName = 'GARBAGE_COLLECTION';

/** Harbor's word for how a run stands. */
export const statusWords: Readonly<Record<ExecutionStatus, string>> = {
  pending: 'Pending',
  running: 'Running',
  succeeded: 'Success',
  failed: 'Error',
  stopped: 'Stopped',
};

/** Harbor's word for each kind of schedule. */
export const kindWords: Readonly<Record<CronKind, 'Hourly' | 'Daily' | 'Weekly' | 'Custom'>> = {
  hourly: 'Hourly',
  daily: 'Daily',
  weekly: 'Weekly',
  custom: 'Custom',
};

const count = z.int().default(0);
// what jobservice writes; a run that has just begun has none of it
const detailOf = collectionParameters.extend({
  continuous: z.boolean().default(false),
  totals: z
    .object({ looked: count, manifests: count, untagged: count, blobs: count, bytes: count })
    .optional(),
  collectable: z.object({ manifests: count, untagged: count, blobs: count, bytes: count }).optional(),
  due: z.object({ manifest: count, link: count, blob: count }).optional(),
  secondsLeft: count.optional(),
  error: z.string().optional(),
});

type Detail = z.output<typeof detailOf>;

const nothing = { blobs: 0, manifests: 0, untagged: 0, bytes: 0 };

/** A run of collection as the API shows it. */
export function toHistory(execution: Execution): History {
  const { id, trigger, status, startedAt, seenAt } = execution;
  const detail = detailOf.parse(execution.detail);
  return {
    id,
    job_name: jobName,
    job_kind: trigger.toUpperCase(),
    job_parameters: JSON.stringify({ ...toParameters(detail), ...removedBy(detail) }),
    schedule: { type: trigger === 'manual' ? 'Manual' : 'Schedule' },
    job_status: statusWords[status],
    deleted: false,
    creation_time: startedAt.toISOString(),
    update_time: seenAt.toISOString(),
    progress: percentOf(status, detail),
    bytes_freed: detail.totals?.bytes ?? 0,
    ...(status === 'running' ? { eta_seconds: detail.secondsLeft } : {}),
    ...(status === 'failed' ? { error: detail.error } : {}),
  };
}

/** What a run has removed; a dry run: what one would remove. */
function removedBy({ totals, collectable, continuous }: Detail): Record<string, unknown> {
  const { blobs, manifests, untagged, bytes } = totals ?? collectable ?? nothing;
  return {
    purged_blobs: blobs,
    purged_manifests: manifests,
    freed_space: bytes,
    untagged_manifests: untagged,
    ...(continuous ? { continuous } : {}),
  };
}

/** The schedule of collection as the API shows it. */
export function toSchedule(schedule: CronSchedule): History {
  const { id, kind, cron, nextRunAt, createdAt, updatedAt } = schedule;
  return {
    id,
    job_name: jobName,
    job_kind: cron,
    job_parameters: JSON.stringify(toParameters(collectionParameters.parse(schedule.parameters))),
    schedule: { type: kindWords[kind], cron, next_scheduled_time: nextRunAt.toISOString() },
    job_status: '',
    deleted: false,
    creation_time: createdAt.toISOString(),
    update_time: updatedAt.toISOString(),
  };
}

function toParameters({ dryRun, untagged, workers }: CollectionParameters): Record<string, unknown> {
  return { delete_untagged: untagged, dry_run: dryRun, workers };
}

function percentOf(status: ExecutionStatus, { totals, due }: Detail): number {
  if (status === 'succeeded') return 100;
  if (totals === undefined || due === undefined) return 0;
  const left = due.manifest + due.link + due.blob;
  return Math.min(99, Math.floor((100 * totals.looked) / Math.max(1, totals.looked + left)));
}
