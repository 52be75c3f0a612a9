import { z } from 'zod';
import { inSystem } from './access.ts';
import { body, bodyIfAny, created, nothing, page, text } from './answer.ts';
import { operation } from './operation.ts';
import { integerText, listParameters, timestamp } from './request-values.ts';

const types = ['Hourly', 'Daily', 'Weekly', 'Custom', 'Manual', 'None'] as const;

/** When something is to be done; `Manual`: now, `None`: no more. */
export const ScheduleObj = z
  .object({
    type: z.enum(types),
    cron: z
      .string()
      .nullish()
      .meta({ description: 'Second, minute, hour, day of month, month, day of week; in UTC.' }),
  })
  .meta({ id: 'ScheduleObj' });

const parameters = z.object({
  delete_untagged: z.boolean().nullish(),
  dry_run: z.boolean().nullish(),
  workers: z.int().nullish().meta({ description: '1 to 10; kept, while collection finds its own rate.' }),
});

/** A run of collection, now or by a schedule. */
export const Schedule = z
  .object({ schedule: ScheduleObj, parameters: parameters.nullish() })
  .meta({ id: 'Schedule' });

/** A run of collection, or its schedule. The last four members are of runs, and ours. */
export const GCHistory = z
  .object({
    id: z.int(),
    job_name: z.string(),
    job_kind: z.string().meta({ description: 'MANUAL or SCHEDULE; of a schedule its cron.' }),
    job_parameters: z.string().meta({
      description: 'JSON: what was asked for, and purged_blobs, purged_manifests, freed_space (bytes).',
    }),
    schedule: z.object({
      type: z.string(),
      cron: z.string().optional(),
      next_scheduled_time: timestamp.optional(),
    }),
    job_status: z.string().meta({ description: 'Pending, Running, Success, Error or Stopped.' }),
    deleted: z.boolean(),
    creation_time: timestamp,
    update_time: timestamp,
    progress: z.int().optional().meta({ description: 'Percent of what is due that has been looked at.' }),
    bytes_freed: z.int().optional().meta({ description: 'What the storage gave back.' }),
    eta_seconds: z.int().optional().meta({ description: 'Of a run that works, as soon as it knows.' }),
    error: z.string().optional().meta({ description: 'Why a run failed.' }),
  })
  .meta({ id: 'GCHistory' });

const schedule = { tag: 'gc', path: '/system/gc/schedule' } as const;
const one = { tag: 'gc', path: '/system/gc/{gc_id}', params: z.object({ gc_id: integerText }) } as const;

export const getGcHistory = operation({
  id: 'getGCHistory',
  tag: 'gc',
  summary:
    'List the runs of collection, the last one first; those of every few minutes that removed something too',
  method: 'GET',
  path: '/system/gc',
  access: inSystem('garbage-collection:list'),
  query: z.object(listParameters),
  answer: page(GCHistory),
  errors: ['BAD_REQUEST'],
});

export const getGcSchedule = operation({
  ...schedule,
  id: 'getGCSchedule',
  summary: 'Get the schedule of collection; a body of no bytes when there is none',
  method: 'GET',
  access: inSystem('garbage-collection:read'),
  answer: bodyIfAny(GCHistory),
  errors: [],
});

export const createGcSchedule = operation({
  ...schedule,
  id: 'createGCSchedule',
  summary: 'Collect now (Manual), or by a schedule, which takes the place of the one that there is',
  method: 'POST',
  access: inSystem('garbage-collection:create'),
  body: Schedule,
  answer: created,
  errors: ['BAD_REQUEST', 'CONFLICT'],
});

export const updateGcSchedule = operation({
  ...schedule,
  id: 'updateGCSchedule',
  summary: 'Collect by another schedule, or by none (None)',
  method: 'PUT',
  access: inSystem('garbage-collection:update'),
  body: Schedule,
  answer: nothing,
  errors: ['BAD_REQUEST', 'CONFLICT'],
});

export const getGc = operation({
  ...one,
  id: 'getGC',
  summary: 'Get a run of collection: how far it is, what it freed',
  method: 'GET',
  access: inSystem('garbage-collection:read'),
  answer: body(GCHistory),
  errors: ['NOT_FOUND'],
});

export const stopGc = operation({
  ...one,
  id: 'stopGC',
  summary: 'Stop a run of collection; what it removed stays removed, and nothing is half done',
  method: 'PUT',
  access: inSystem('garbage-collection:stop'),
  answer: nothing,
  errors: ['NOT_FOUND'],
});

export const getGcLog = operation({
  ...one,
  path: '/system/gc/{gc_id}/log',
  id: 'getGCLog',
  summary: 'Read what a run of collection has written so far; kept for a week',
  method: 'GET',
  access: inSystem('garbage-collection:read'),
  answer: text,
  errors: ['NOT_FOUND'],
});
