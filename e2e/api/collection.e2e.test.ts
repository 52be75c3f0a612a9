import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { expectStatus, Pusher } from '../pusher.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';

interface Run {
  readonly id: number;
  readonly job_kind: string;
  readonly job_status: string;
  readonly job_parameters: string;
  readonly progress: number;
  readonly bytes_freed: number;
}

const gc = '/api/v2.0/system/gc';
const layerBytes = 200_000;

describe('collection by the REST API, with windows of zero', () => {
  let entrepot: Entrepot;
  let pusher: Pusher;

  beforeAll(async () => {
    entrepot = await startEntrepot({
      env: {
        ENTREPOT_COLLECT_MINUTES: '0',
        ENTREPOT_COLLECT_REVIEW_DELAY_HOURS: '0',
        ENTREPOT_COLLECT_QUARANTINE_HOURS: '0',
        ENTREPOT_RECYCLE_BIN_DAYS: '0',
      },
    });
    pusher = new Pusher(entrepot, 'library/app');
  });
  afterAll(() => entrepot?.remove());

  test('a blob that no manifest names leaves the disk, and what a tag names stays', async () => {
    const kept = await pusher.pushImage('v1', layerBytes);
    const alone = await pusher.pushBlob(randomBytes(layerBytes));
    const counted = await run({ dry_run: true });
    expect(counted).toMatchObject({ job_status: 'Success', bytes_freed: 0 });
    expect(isOnDisk(alone)).toBe(true);
    const done = await run();
    expect(done).toMatchObject({ job_status: 'Success', progress: 100, bytes_freed: layerBytes });
    expect(JSON.parse(done.job_parameters)).toMatchObject({ purged_blobs: 1, freed_space: layerBytes });
    expect(isOnDisk(alone)).toBe(false);
    expect(await pusher.pullWhole('v1')).toBe(kept.digest);
    const log = await (await entrepot.api('GET', `${gc}/${done.id}/log`)).text();
    expect(log).toContain('1 blobs and 0 manifests eligible for deletion');
    expect(log).toContain(`${layerBytes} bytes freed`);
  });

  test('a deleted artifact leaves the disk, and untagged ones when asked for', async () => {
    const untagged = await pusher.pushImage('moving', layerBytes);
    const deleted = await pusher.pushImage('old', layerBytes);
    const now = await pusher.pushImage('moving', layerBytes);
    const path = '/api/v2.0/projects/library/repositories/app/artifacts/old';
    await expectStatus(await entrepot.api('DELETE', path), 200, 'delete an artifact');
    expect(JSON.parse((await run()).job_parameters)).toMatchObject({ purged_blobs: 2, purged_manifests: 1 });
    expect(deleted.blobs.map(isOnDisk)).toEqual([false, false]);
    expect(untagged.blobs.map(isOnDisk)).toEqual([true, true]);
    expect(JSON.parse((await run({ delete_untagged: true })).job_parameters)).toMatchObject({
      purged_blobs: 2,
      purged_manifests: 1,
    });
    expect(untagged.blobs.map(isOnDisk)).toEqual([false, false]);
    expect(await pusher.pullWhole('moving')).toBe(now.digest);
  });

  test('a schedule fires by itself, also after a restart, until it is taken away', async () => {
    // each second: as often as the product looks at its schedules
    await want('POST', { type: 'Custom', cron: '* * * * * *' }, 201);
    await entrepot.stop();
    await entrepot.start();
    const alone = await pusher.pushBlob(randomBytes(layerBytes));
    await vi.waitFor(() => expect(isOnDisk(alone)).toBe(false), { timeout: 60_000, interval: 200 });
    const [last] = await history();
    expect(last).toMatchObject({ job_kind: 'SCHEDULE' });
    await want('PUT', { type: 'None' }, 200);
    expect(await (await entrepot.api('GET', `${gc}/schedule`)).text()).toBe('');
  });

  async function want(method: string, schedule: object, status: number, parameters = {}): Promise<Response> {
    const answer = await entrepot.api(method, `${gc}/schedule`, { body: { schedule, parameters } });
    expect(answer.status).toBe(status);
    return answer;
  }

  async function run(parameters = {}): Promise<Run> {
    const answer = await want('POST', { type: 'Manual' }, 201, parameters);
    const location = answer.headers.get('location') ?? '';
    return await vi.waitFor(
      async () => {
        const current = (await (await entrepot.api('GET', location)).json()) as Run;
        expect(['Success', 'Error', 'Stopped']).toContain(current.job_status);
        return current;
      },
      { timeout: 30_000, interval: 100 },
    );
  }

  async function history(): Promise<Run[]> {
    return (await (await entrepot.api('GET', gc)).json()) as Run[];
  }

  function isOnDisk(digest: string): boolean {
    const hex = digest.slice('sha256:'.length);
    const blobs = join(entrepot.dataDir, 'storage/docker/registry/v2/blobs/sha256');
    return existsSync(join(blobs, hex.slice(0, 2), hex, 'data'));
  }
});
