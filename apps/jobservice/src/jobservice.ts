import { NotificationListener } from '@entrepot/database/notifications';
import { jobDefinitions } from '@entrepot/jobs/definitions/all';
import { JobQueue } from '@entrepot/jobs/job-queue';
import { WakeQueue } from '@entrepot/jobs/wake-queue';
import { outboxChannel } from '@entrepot/jobs/wakeup';
import { Workers } from '@entrepot/jobs/workers';
import { turnMirror } from '@entrepot/mirror/marks';
import { createHandlers } from './handlers/all.ts';
import type { JobserviceConfig, JobserviceResources } from './jobservice-resources.ts';
import { OutboxRelay } from './outbox-relay.ts';
import { Scheduler, schedulesWith } from './schedules.ts';
import { subscriptions } from './subscriptions.ts';
import { reportQueues } from './queue-metrics.ts';

/** The running jobservice of one process. */
export interface Jobservice {
  /** Begins to work. `INTERNAL` when a job has no handler, or two. */
  start(): Promise<void>;
  /** Gives running tasks back, waits until their code has ended, and closes its connections. */
  stop(): Promise<void>;
}

const relaySeconds = 1;
const sweepSeconds = 15;

/** Puts workers, relay and schedules together. Any number of processes may run it on one database. */
export function createJobservice(config: JobserviceConfig, resources: JobserviceResources): Jobservice {
  const { database, log, metrics } = resources;
  const wakes = new WakeQueue(config.queue, log);
  const relay = new OutboxRelay({ database, wakes, subscriptions, log });
  const jobs = new JobQueue(database, wakes, log);
  const scheduler = new Scheduler(database, jobs, schedulesWith(config.collection.minutes));
  const workers = new Workers({
    database,
    wakes,
    handlers: createHandlers({ ...resources, ...config.collection, signingKeys: config.signingKeys }),
    definitions: jobDefinitions,
    log,
    ...(config.concurrency === undefined ? {} : { concurrency: config.concurrency }),
  });
  const listener = new NotificationListener(database.connection, outboxChannel, () => void relay.run());
  const timers: NodeJS.Timeout[] = [];

  const lookAround = async (dueSeconds?: number): Promise<void> => {
    try {
      await scheduler.tick();
      await workers.sweep(dueSeconds);
    } catch (error) {
      log.warn({ error }, 'schedules and lost tasks not looked at; it is tried again');
    }
  };

  return {
    start: async () => {
      await turnMirror(database, config.linkMirror);
      await scheduler.prepare();
      reportQueues(database, metrics, config.collection.windows);
      workers.start();
      void listener.start();
      timers.push(setInterval(() => void relay.run(), relaySeconds * 1000));
      timers.push(setInterval(() => void lookAround(), sweepSeconds * 1000));
      await lookAround(0);
    },
    stop: async () => {
      for (const timer of timers.splice(0)) clearInterval(timer);
      await listener.close();
      await relay.settle();
      // no further messages first: what is taken now would be given back at once
      const closed = wakes.close();
      workers.stop();
      await closed;
    },
  };
}
