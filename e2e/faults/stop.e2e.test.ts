import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../image-layout.ts';
import { isRunning } from '../processes.ts';
import { Pusher } from '../pusher.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';
import { RawRequest } from './raw-request.ts';

const bytes = randomBytes(4 * 1024 * 1024);
const half = bytes.length / 2;
const digest = digestOf(bytes);

describe('a stop during a push', () => {
  let entrepot: Entrepot;
  let push: RawRequest;

  beforeEach(async () => {
    entrepot = await startEntrepot();
    await entrepot.createProject('team');
    const pusher = new Pusher(entrepot, 'team/app');
    const path = `/v2/team/app/blobs/uploads/?digest=${digest}`;
    push = await RawRequest.begin(entrepot, `POST ${path}`, { 'Content-Length': bytes.length });
    await push.send(bytes.subarray(0, half));
    // the head of the request is known to have arrived when a request that came later has been answered
    await (await pusher.request('GET', 'tags/list')).arrayBuffer();
  });
  afterEach(async () => {
    push.close();
    await entrepot.remove();
  });

  test.each([
    { name: 'Ctrl-C', stop: () => entrepot.interrupt() },
    { name: 'SIGTERM', stop: () => entrepot.stop() },
  ])('$name lets a push end that goes on, and keeps what it acknowledged', async ({ stop }) => {
    const processes = [entrepot.pid, ...entrepot.listProcesses()];
    const from = entrepot.log.lines.length;
    const stopped = stop();
    await entrepot.log.waitFor(({ msg }) => msg.startsWith('stopping'), from);
    await push.send(bytes.subarray(half));
    expect(await push.answerOf(/\r\n\r\n/)).toMatch(/^HTTP\/1.1 201 /);
    expect(await stopped).toBe(0);
    expect(processes.filter(isRunning)).toEqual([]);
    await entrepot.start();
    const answer = await new Pusher(entrepot, 'team/app').request('GET', `blobs/${digest}`);
    expect(digestOf(Buffer.from(await answer.arrayBuffer()))).toBe(digest);
  });

  test('refuses a push that stands still, and all processes are gone within 15 seconds', async () => {
    const processes = [entrepot.pid, ...entrepot.listProcesses()];
    const begun = Date.now();
    const stopped = entrepot.interrupt();
    const answer = await push.answerAtClose();
    expect(answer).toMatch(/^HTTP\/1.1 503 [^]*"UNAVAILABLE"/);
    expect(await stopped).toBe(0);
    expect(processes.filter(isRunning)).toEqual([]);
    expect(Date.now() - begun).toBeLessThan(15_000);
    await entrepot.start();
    expect((await new Pusher(entrepot, 'team/app').request('HEAD', `blobs/${digest}`)).status).toBe(404);
  });

  test('refuses new requests while the last push ends', async () => {
    const stopped = entrepot.stop();
    await expect.poll(() => isRefused(entrepot.url), { timeout: 8_000 }).toBe(true);
    await push.send(bytes.subarray(half));
    expect(await stopped).toBe(0);
  });
});

test('requests are taken for as long as the settings say', async () => {
  const entrepot = await startEntrepot({ env: { ENTREPOT_DRAIN_SECONDS: '11' } });
  try {
    const from = entrepot.log.lines.length;
    const stopped = entrepot.stop();
    await entrepot.log.waitFor(({ msg }) => msg.startsWith('stopping'), from);
    await sleep(10_700);
    expect((await entrepot.api('GET', '/api/v2.0/projects')).status).toBe(200);
    expect(await stopped).toBe(0);
  } finally {
    await entrepot.remove();
  }
});

// on a connection of its own, as a client that comes now
function isRefused(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(`${url}/api/v2.0/ping`, { agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 503);
    });
    request.once('error', () => resolve(true));
  });
}
