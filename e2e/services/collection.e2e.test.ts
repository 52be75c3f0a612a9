import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { titleOf } from '../programs.ts';
import { Pusher } from '../pusher.ts';
import { missingServicePrograms, startServices, type Services } from './services.ts';

interface Run {
  readonly job_kind: string;
  readonly job_status: string;
  readonly bytes_freed: number;
}

const missing = missingServicePrograms();
const layerBytes = 100_000;

describe.skipIf(missing.length > 0)(titleOf('collection by services', missing), () => {
  let services: Services;
  let pusher: Pusher;

  beforeAll(async () => {
    services = await startServices({
      ENTREPOT_DRAIN_SECONDS: '0',
      ENTREPOT_COLLECT_MINUTES: '0',
      ENTREPOT_COLLECT_REVIEW_DELAY_HOURS: '0',
      ENTREPOT_COLLECT_QUARANTINE_HOURS: '0',
    });
    await services.createProject('team');
    pusher = new Pusher(services, 'team/app');
  });
  afterAll(() => services?.remove());

  async function runs(): Promise<Run[]> {
    return (await (await services.api('GET', '/system/gc?page_size=100')).json()) as Run[];
  }

  test('a run that a core is asked for is done by a jobservice', async () => {
    await pusher.pushBlob(randomBytes(layerBytes));
    const answer = await services.api('POST', '/system/gc/schedule', { schedule: { type: 'Manual' } });
    expect(answer.status).toBe(201);
    const done = { job_kind: 'MANUAL', job_status: 'Success', bytes_freed: layerBytes };
    // by its message: the sweep would find the task only later
    await vi.waitFor(async () => expect(await runs()).toMatchObject([done]), {
      timeout: 8_000,
      interval: 200,
    });
  });

  test('a schedule fires once for both jobservices, and for the one that is left', async () => {
    await services.api('POST', '/system/gc/schedule', { schedule: { type: 'Custom', cron: '0 0 3 1 1 *' } });
    await services.sql(`UPDATE cron_schedule SET next_run_at = now()`);
    const once = { job_kind: 'SCHEDULE', job_status: 'Success' };
    const waiting = { timeout: 40_000, interval: 200 };
    await vi.waitFor(async () => expect(await runs()).toMatchObject([once, {}]), waiting);
    await services.tell('stop', 'jobservice-1');
    await services.sql(`UPDATE cron_schedule SET next_run_at = now()`);
    await vi.waitFor(async () => expect(await runs()).toMatchObject([once, once, {}]), waiting);
  });
});
