import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeBucket, listBucket, type ObjectServer } from '@entrepot/storage/testing/object-server';
import { startVersitygw, versitygwPrograms } from '@entrepot/storage/testing/versitygw';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findDigest } from '../clients/registry-client-suite.ts';
import { Crane } from '../clients/crane.ts';
import { Regctl } from '../clients/regctl.ts';
import { digestOf } from '../image-layout.ts';
import { missingPrograms, titleOf } from '../programs.ts';
import { Pusher } from '../pusher.ts';
import { Sandbox } from '../sandbox.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';

const mebi = 1024 * 1024;
const missing = missingPrograms([...versitygwPrograms, 'crane', 'regctl']);
/** Layers above a part of an upload. */
const layerBytes = 20 * mebi;

describe.skipIf(missing.length > 0)(titleOf('blobs in S3', missing), () => {
  let server: ObjectServer;
  beforeAll(async () => {
    server = await startVersitygw();
  });
  afterAll(() => server?.stop());

  describe.each([
    ['pass through the registry', 'false'],
    ['are fetched from the bucket', 'true'],
  ])('that %s', (_, redirect) => describeTransfers(() => server, redirect));
});

function describeTransfers(server: () => ObjectServer, redirect: string): void {
  let bucket: string;
  let entrepot: Entrepot;
  let sandbox: Sandbox;
  let pusher: Pusher;

  beforeAll(async () => {
    const place = await makeBucket(server());
    bucket = place.bucket;
    const { accessKeyId, secretAccessKey } = server().credentials;
    const env = {
      ENTREPOT_STORAGE_DRIVER: 's3',
      ENTREPOT_STORAGE_S3_BUCKET: bucket,
      ENTREPOT_STORAGE_S3_PREFIX: 'blobs/of-tests',
      ENTREPOT_STORAGE_S3_ENDPOINT: server().endpoint,
      ENTREPOT_STORAGE_S3_ACCESS_KEY_ID: accessKeyId,
      ENTREPOT_STORAGE_S3_SECRET_ACCESS_KEY: secretAccessKey,
      ENTREPOT_STORAGE_S3_REDIRECT: redirect,
    };
    entrepot = await startEntrepot({ env });
    sandbox = new Sandbox('s3', layerBytes);
    await entrepot.createProject('team');
    pusher = new Pusher(entrepot, 'team/app');
  });
  afterAll(async () => {
    await entrepot?.remove();
    sandbox?.remove();
  });

  test.each([
    ['crane', Crane],
    ['regctl', Regctl],
  ])('are pushed and pulled by %s', async (name, client) => {
    const clientOf = new client(sandbox);
    await clientOf.prepare();
    expect((await clientOf.login(entrepot.host, entrepot.admin)).code).toBe(0);
    const pushed = await clientOf.push(`${entrepot.host}/team/${name}:v1`);
    expect(pushed.code, pushed.output).toBe(0);
    const digest = await findDigest(entrepot, `team/${name}`, 'v1');
    expect(await clientOf.pull(`${entrepot.host}/team/${name}:v1`)).toBe(digest);
    await clientOf.end();
  });

  test('are answered as the setting says, and to a HEAD always here', async () => {
    const bytes = randomBytes(100_000);
    const digest = await pusher.pushBlob(bytes);
    const answer = await pusher.request('GET', `blobs/${digest}`, { redirect: 'manual' });
    expect(answer.status).toBe(redirect === 'true' ? 307 : 200);
    const head = await pusher.request('HEAD', `blobs/${digest}`);
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(bytes.length));
    const whole = await fetch(answer.headers.get('location') ?? `${entrepot.url}/v2/`, {
      headers: { Range: 'bytes=10-19' },
    });
    if (redirect === 'true') {
      expect(Buffer.from(await whole.arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true);
      expect(answer.headers.get('location')).toContain(new URL(server().endpoint).host);
    }
    expect(entrepot.log.text).not.toContain('X-Amz-Signature');
    expect(entrepot.log.text).not.toContain(server().credentials.secretAccessKey);
  });

  test('come in one PUT, and another one with a wrong digest leaves nothing', async () => {
    const bytes = randomBytes(20 * mebi);
    const digest = digestOf(bytes);
    const body = new Uint8Array(bytes);
    const wrong = await pusher.request('PUT', `${await pusher.openUpload()}?digest=${digestOf('other')}`, {
      body,
    });
    expect(wrong.status).toBe(400);
    const put = await pusher.request('PUT', `${await pusher.openUpload()}?digest=${digest}`, { body });
    expect(put.status).toBe(201);
    const pulled = await pusher.request('GET', `blobs/${digest}`);
    expect(digestOf(Buffer.from(await pulled.arrayBuffer()))).toBe(digest);
  });

  test('go on after the registry was killed, from what it had acknowledged', async () => {
    const bytes = randomBytes(40 * mebi);
    const digest = digestOf(bytes);
    const location = await pusher.openUpload();
    const acknowledged = 35 * mebi;
    const first = new Uint8Array(bytes.subarray(0, acknowledged));
    expect((await pusher.request('PATCH', location, { body: first })).status).toBe(202);
    const cut = pusher.request('PATCH', location, streaming()).catch(() => undefined);
    await sleep(500);
    await entrepot.kill('node');
    await cut;
    await entrepot.start();
    const status = await pusher.request('GET', location);
    expect(status.headers.get('range')).toBe(`0-${acknowledged - 1}`);
    const rest = new Uint8Array(bytes.subarray(acknowledged));
    await expect
      .poll(async () => (await pusher.request('PATCH', location, { body: rest })).status, { timeout: 60_000 })
      .toBe(202);
    expect((await pusher.request('PUT', `${location}?digest=${digest}`)).status).toBe(201);
    const pulled = await pusher.request('GET', `blobs/${digest}`);
    expect(digestOf(Buffer.from(await pulled.arrayBuffer()))).toBe(digest);
  });

  test('leave nothing of their uploads in the bucket', async () => {
    const keys = await listBucket(server(), bucket);
    const known = /^blobs\/of-tests\/docker\/registry\/(entrepot\.json|v2\/blobs\/sha256\/.*\/data)$/;
    expect(keys.filter((key) => !known.test(key))).toEqual([]);
    expect(keys).toHaveLength(6);
  });
}

/** A body that ends with its connection. */
function streaming(): RequestInit {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await sleep(50);
      controller.enqueue(new Uint8Array(mebi));
    },
  });
  return { body, duplex: 'half' };
}
