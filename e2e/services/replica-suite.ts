import { randomBytes } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { digestOf } from '../image-layout.ts';
import { expectStatus, Pusher } from '../pusher.ts';
import type { Services } from './services.ts';

const mebi = 1024 * 1024;

/** What holds for two registries on one database and one storage, whatever that is. The project `team` must exist. */
export function describeReplicas(services: () => Services): void {
  let front: Pusher;
  let first: Pusher;
  let second: Pusher;

  beforeAll(() => {
    front = new Pusher(services(), 'team/app');
    first = new Pusher(services().direct('registry-1'), 'team/app');
    second = new Pusher(services().direct('registry-2'), 'team/app');
  });

  test('what one replica took, the other serves at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [here, there] = round % 2 === 0 ? [first, second] : [second, first];
      const { digest, blobs } = await here.pushImage(`r${round}`, 20_000);
      const manifest = await there.request('HEAD', `manifests/r${round}`);
      expect([manifest.status, manifest.headers.get('docker-content-digest')]).toEqual([200, digest]);
      for (const blob of blobs) expect((await there.request('HEAD', `blobs/${blob}`)).status).toBe(200);
      // nginx asks them in turn
      expect(await front.pullWhole(`r${round}`)).toBe(digest);
      expect(await front.pullWhole(digest)).toBe(digest);
    }
  });

  test('what one replica deleted is gone on the other', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { digest } = await first.pushImage(`gone${round}`, 1_000);
      await expectStatus(await second.request('GET', `manifests/gone${round}`), 200, 'pull');
      await expectStatus(await first.request('DELETE', `manifests/${digest}`), 202, 'delete');
      for (const reference of [`gone${round}`, digest]) {
        await expectStatus(await second.request('GET', `manifests/${reference}`), 404, 'pull what is gone');
        await expectStatus(await front.request('GET', `manifests/${reference}`), 404, 'pull what is gone');
      }
    }
  });

  test('chunks that the replicas take in turn end in one blob', async () => {
    const bytes = randomBytes(6 * mebi);
    const location = await first.openUpload();
    for (let from = 0; from < bytes.length; from += mebi) {
      const replica = (from / mebi) % 2 === 0 ? first : second;
      const answer = await replica.request('PATCH', location, {
        headers: { 'Content-Range': `${from}-${from + mebi - 1}` },
        body: new Uint8Array(bytes.subarray(from, from + mebi)),
      });
      expect([answer.status, answer.headers.get('range')]).toEqual([202, `0-${from + mebi - 1}`]);
      await answer.arrayBuffer();
    }
    await expectStatus(await first.request('PUT', `${location}?digest=${digestOf(bytes)}`), 201, 'the end');
    const pulled = await front.request('GET', `blobs/${digestOf(bytes)}`);
    expect(digestOf(Buffer.from(await pulled.arrayBuffer()))).toBe(digestOf(bytes));
  });
}
