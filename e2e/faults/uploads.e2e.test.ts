import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../image-layout.ts';
import { Pusher } from '../pusher.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';
import { RawRequest } from './raw-request.ts';

const mebi = 1024 * 1024;
const patient = { timeout: 10_000 };

describe('uploads that do not go as planned', () => {
  let entrepot: Entrepot;
  let pusher: Pusher;

  beforeAll(async () => {
    entrepot = await startEntrepot();
    await entrepot.createProject('team');
    pusher = new Pusher(entrepot, 'team/app');
  });
  afterAll(async () => {
    await entrepot?.remove();
  });

  test('a client that vanishes in mid-chunk goes on from the stored offset', async () => {
    const bytes = randomBytes(5 * mebi);
    const location = await pusher.openUpload();
    const request = await RawRequest.begin(entrepot, `PATCH ${location}`, {
      'Content-Length': bytes.length,
      'Content-Range': `0-${bytes.length - 1}`,
      'Content-Type': 'application/octet-stream',
    });
    await request.send(bytes.subarray(0, 2 * mebi));
    await untilReceiving();
    request.vanish();
    const offset = await storedOffset(location);
    expect(offset).toBeGreaterThan(0);
    expect(offset).toBeLessThanOrEqual(2 * mebi);
    await sendRest(location, bytes, offset);
  });

  test('an upload goes on after the server was killed, from the offset that it acknowledged', async () => {
    const bytes = randomBytes(3 * mebi);
    const location = await pusher.openUpload();
    const first = new Uint8Array(bytes.subarray(0, mebi));
    expect((await pusher.request('PATCH', location, { body: first })).status).toBe(202);
    await entrepot.kill('everything');
    await entrepot.start();
    const offset = await storedOffset(location);
    expect(offset).toBe(mebi);
    await sendRest(location, bytes, offset);
  });

  test('a second connection to an upload is refused while the first one sends', async () => {
    const bytes = randomBytes(2 * mebi);
    const location = await pusher.openUpload();
    const request = await RawRequest.begin(entrepot, `PATCH ${location}`, { 'Content-Length': bytes.length });
    await request.send(bytes.subarray(0, mebi));
    await untilReceiving();
    const finish = await pusher.request('PUT', `${location}?digest=${digestOf(bytes)}`);
    expect(finish.status).toBe(409);
    expect(await finish.json()).toMatchObject({ errors: [{ code: 'BLOB_UPLOAD_INVALID' }] });
    await request.send(bytes.subarray(mebi));
    expect(await request.answerOf(/\r\n\r\n/)).toMatch(/^HTTP\/1.1 202 /);
    request.close();
    expect((await pusher.request('PUT', `${location}?digest=${digestOf(bytes)}`)).status).toBe(201);
    expect(await pull(digestOf(bytes))).toBe(digestOf(bytes));
  });

  test('bytes after the PUT change nothing, on its connection or on another', async () => {
    const bytes = randomBytes(mebi);
    const digest = digestOf(bytes);
    const location = await pusher.openUpload();
    const put = await RawRequest.begin(entrepot, `PUT ${location}?digest=${digest}`, {
      'Content-Length': bytes.length,
    });
    await put.send(bytes);
    expect(await put.answerOf(/\r\n\r\n/)).toMatch(/^HTTP\/1.1 201 /);
    await put.send(randomBytes(64 * 1024));
    expect(await put.answerAtClose()).toMatch(/HTTP\/1.1 400 /);
    const late = await pusher.request('PATCH', location, { body: new Uint8Array(randomBytes(1000)) });
    expect(late.status).toBe(404);
    expect(await late.json()).toMatchObject({ errors: [{ code: 'BLOB_UPLOAD_UNKNOWN' }] });
    expect(await pull(digest)).toBe(digest);
  });

  test('a blob whose bytes are not those of its digest is refused and cannot be pulled', async () => {
    const digest = digestOf('something else');
    const location = await pusher.openUpload();
    const body = new Uint8Array(randomBytes(1000));
    const answer = await pusher.request('PUT', `${location}?digest=${digest}`, { body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [{ code: 'DIGEST_INVALID' }] });
    expect((await pusher.request('HEAD', `blobs/${digest}`)).status).toBe(404);
  });

  test('of two clients that push one tag at once, one wins whole', async () => {
    for (let round = 0; round < 10; round += 1) {
      const tag = `race-${round}`;
      const pushes = await Promise.all([1, 2, 3].map(() => pusher.pushImage(tag, 50_000)));
      const digests = pushes.map(({ digest }) => digest);
      expect(digests).toContain(await pusher.pullWhole(tag));
      for (const digest of digests) expect(await pusher.pullWhole(digest)).toBe(digest);
    }
  });

  test('one blob pushed many times at once is one blob and many successes', async () => {
    const bytes = randomBytes(300_000);
    const digests = await Promise.all(Array.from({ length: 8 }, () => pusher.pushBlob(bytes)));
    expect(new Set(digests)).toEqual(new Set([digestOf(bytes)]));
    expect(await pull(digestOf(bytes))).toBe(digestOf(bytes));
  });

  async function sendRest(location: string, bytes: Buffer, offset: number): Promise<void> {
    const rest = new Uint8Array(bytes.subarray(offset));
    const headers = { 'Content-Range': `${offset}-${bytes.length - 1}` };
    expect((await pusher.request('PATCH', location, { body: rest, headers })).status).toBe(202);
    const digest = digestOf(bytes);
    expect((await pusher.request('PUT', `${location}?digest=${digest}`)).status).toBe(201);
    expect(await pull(digest)).toBe(digest);
  }

  /** Waits until the body of a request is being written. */
  async function untilReceiving(): Promise<void> {
    await expect.poll(() => entrepot.metrics(), patient).toMatch(/^entrepot_uploads_in_progress 1$/m);
  }

  /** The offset that the status of the upload names, as soon as the vanished client has let go of it. */
  async function storedOffset(location: string): Promise<number> {
    let last = '';
    for (let tries = 0; tries < 200; tries += 1) {
      const answer = await pusher.request('GET', location);
      const end = /^0-(\d+)$/.exec(answer.headers.get('range') ?? '')?.[1];
      if (answer.status === 204 && Number(end) > 0) return Number(end) + 1;
      last = `${answer.status} ${end} ${await answer.text()}`;
      await sleep(20);
    }
    throw new Error(`the status of the upload never showed what was stored: ${last}`);
  }

  async function pull(digest: string): Promise<string> {
    const answer = await pusher.request('GET', `blobs/${digest}`);
    return digestOf(Buffer.from(await answer.arrayBuffer()));
  }
});
