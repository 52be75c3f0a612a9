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

/** A run of collection as the API shows it. */
export function toHistory(execution: Execution): History {
  const detail = detailOf.parse(execution.detail);
  const { continuous, totals, secondsLeft, error } = detail;
  // in a dry run: what a run would remove
  const removed = totals ?? detail.collectable;
  const parameters = {
    ...toParameters(detail),
    purged_blobs: removed?.blobs ?? 0,
    purged_manifests: removed?.manifests ?? 0,
    freed_space: removed?.bytes ?? 0,
    untagged_manifests: removed?.untagged ?? 0,
    ...(continuous ? { continuous } : {}),
  };
  return {
    id: execution.id,
    job_name: jobName,
    job_kind: execution.trigger.toUpperCase(),
    job_parameters: JSON.stringify(parameters),
    schedule: { type: execution.trigger === 'manual' ? 'Manual' : 'Schedule' },
    job_status: statusWords[execution.status],
    deleted: false,
    creation_time: execution.startedAt.toISOString(),
    update_time: execution.seenAt.toISOString(),
    progress: percentOf(execution.status, detail),
    bytes_freed: totals?.bytes ?? 0,
    ...(execution.status === 'running' && secondsLeft !== undefined ? { eta_seconds: secondsLeft } : {}),
    ...(execution.status === 'failed' && error !== undefined ? { error } : {}),
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
