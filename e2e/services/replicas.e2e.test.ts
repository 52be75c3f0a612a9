import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RawRequest } from '../faults/raw-request.ts';
import { digestOf, tarOf } from '../image-layout.ts';
import { missingPrograms, titleOf } from '../programs.ts';
import { expectStatus, Pusher } from '../pusher.ts';
import { Sandbox } from '../sandbox.ts';
import { describeReplicas } from './replica-suite.ts';
import { missingServicePrograms, startServices, type Services } from './services.ts';

const missing = [...missingServicePrograms(), ...missingPrograms(['crane'])];

describe.skipIf(missing.length > 0)(titleOf('services behind nginx', missing), () => {
  let services: Services;
  let front: Pusher;
  let first: Pusher;

  beforeAll(async () => {
    services = await startServices({ ENTREPOT_DRAIN_SECONDS: '0' });
    await services.createProject('team');
    front = new Pusher(services, 'team/app');
    first = new Pusher(services.direct('registry-1'), 'team/app');
  });
  afterAll(() => services?.remove());

  test('every process is ready, each on an address of its own', async () => {
    for (const name of [
      'core-1',
      'core-2',
      'registry-1',
      'registry-2',
      'jobservice-1',
      'jobservice-2',
    ] as const) {
      expect(await services.readiness(name)).toEqual({ code: 200, status: 'ready', unwell: [] });
    }
    const health = (await (await services.api('GET', '/health')).json()) as {
      status: string;
      components: { name: string }[];
    };
    expect(health.status).toBe('healthy');
    expect(health.components.map(({ name }) => name)).toEqual(['core', 'database', 'storage', 'redis']);
  });

  describeReplicas(() => services);

  test('a client pushes and pulls through nginx with TLS', async () => {
    const sandbox = new Sandbox('services');
    try {
      const env = { SSL_CERT_FILE: services.certificate };
      const image = `${services.host}/team/crane:1`;
      writeFileSync(sandbox.path('layer.tar'), tarOf({ 'a/file': randomBytes(3_000_000) }));
      const { username, password } = services.admin;
      await sandbox.expectSuccess('crane', ['auth', 'login', services.host, '-u', username, '-p', password], {
        env,
      });
      await sandbox.expectSuccess('crane', ['append', '-f', sandbox.path('layer.tar'), '-t', image], { env });
      await sandbox.expectSuccess('crane', ['validate', '--remote', image], { env });
      await sandbox.expectSuccess('crane', ['pull', image, sandbox.path('pulled.tar')], { env });
      expect(await new Pusher(services, 'team/crane').listTags()).toEqual(['1']);
    } finally {
      sandbox.remove();
    }
  });

  describe('a blob that nginx sends', () => {
    const bytes = randomBytes(300_000);
    const digest = digestOf(bytes);
    const get = (headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
      front.request(method, `blobs/${digest}`, { headers });
    const bodyOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer());

    beforeAll(() => front.pushBlob(bytes));

    test('has the headers that name it, and none of those between nginx and the registry', async () => {
      for (const method of ['GET', 'HEAD']) {
        const answer = await get({}, method);
        expect(Object.fromEntries(answer.headers)).toMatchObject({
          'content-length': String(bytes.length),
          'content-type': 'application/octet-stream',
          'docker-content-digest': digest,
          'docker-distribution-api-version': 'registry/2.0',
          etag: `"${digest}"`,
          'accept-ranges': 'bytes',
          'cache-control': 'max-age=31536000, immutable',
        });
        expect(answer.headers.get('x-accel-redirect')).toBeNull();
        expect(answer.headers.get('last-modified')).toBeNull();
        const body = await bodyOf(answer);
        expect(body.equals(method === 'HEAD' ? Buffer.alloc(0) : bytes)).toBe(true);
      }
      // it is nginx that sends it: the registry has no bytes in its answer
      const direct = await first.request('GET', `blobs/${digest}`);
      expect(direct.headers.get('x-accel-redirect')).toMatch(
        /^\/_blobs\/docker\/registry\/v2\/blobs\/sha256\//,
      );
      expect(await bodyOf(direct)).toHaveLength(0);
    });

    test.each([
      { range: 'bytes=10-19', from: 10, to: 20 },
      { range: 'bytes=299990-', from: 299_990, to: 300_000 },
      { range: 'bytes=-5', from: 299_995, to: 300_000 },
      { range: 'bytes=0-999999', from: 0, to: 300_000 },
    ])('$range', async ({ range, from, to }) => {
      const answer = await get({ Range: range });
      expect(answer.status).toBe(206);
      expect(answer.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/${bytes.length}`);
      expect(answer.headers.get('docker-content-digest')).toBe(digest);
      expect((await bodyOf(answer)).equals(bytes.subarray(from, to))).toBe(true);
    });

    test('answers conditions as the registry does by itself', async () => {
      const statusOf = async (headers: Record<string, string>): Promise<number> => {
        const answer = await get(headers);
        await answer.arrayBuffer();
        return answer.status;
      };
      const part = { Range: 'bytes=0-9' };
      expect(await statusOf({ ...part, 'If-Range': `"${digest}"` })).toBe(206);
      expect(await statusOf({ ...part, 'If-Range': '"another"' })).toBe(200);
      expect(await statusOf({ 'If-None-Match': `"${digest}"` })).toBe(304);
      expect(await statusOf({ 'If-None-Match': '"another"' })).toBe(200);
      expect(await statusOf({ 'If-Match': `"${digest}"` })).toBe(200);
      expect(await statusOf({ 'If-Modified-Since': new Date(Date.now() + 1e9).toUTCString() })).toBe(200);
      expect(await statusOf({ Range: 'bytes=300000-' })).toBe(416);
      expect(await statusOf({ Range: 'bytes=0-1,5-6' })).toBe(200);
    });

    test('is had by nobody who asks nginx for the file', async () => {
      const file = `/_blobs/docker/registry/v2/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`;
      for (const path of [file, `/v2/..${file}`, `/${file}`]) {
        const answer = await front.request('GET', path, { headers: { 'X-Accel-Redirect': file } });
        expect(answer.status).toBe(404);
      }
    });
  });

  test('an upload that its replica died with is finished through the other', async () => {
    const bytes = randomBytes(12 * 1024 * 1024);
    const third = bytes.length / 3;
    const location = await first.openUpload();
    const chunk = (from: number, to: number): RequestInit => ({
      headers: { 'Content-Range': `${from}-${to - 1}` },
      body: new Uint8Array(bytes.subarray(from, to)),
    });
    await expectStatus(await first.request('PATCH', location, chunk(0, third)), 202, 'the first chunk');
    const headers = { 'Content-Length': third, 'Content-Range': `${third}-${2 * third - 1}` };
    const torn = await RawRequest.begin(services.direct('registry-1'), `PATCH ${location}`, headers);
    await torn.send(bytes.subarray(third, third + third / 2));
    await sleep(300);
    await services.kill('registry-1');
    torn.close();
    const status = await front.request('GET', location);
    expect([status.status, status.headers.get('range')]).toEqual([204, `0-${third - 1}`]);
    // whoever died held the upload for a while longer: clients are told to come back
    for (let answer = await front.request('PATCH', location, chunk(third, 2 * third)); ;) {
      if (answer.status === 202) break;
      expect([409, 503]).toContain(answer.status);
      await sleep(1_000);
      answer = await front.request('PATCH', location, chunk(third, 2 * third));
    }
    await expectStatus(
      await front.request('PATCH', location, chunk(2 * third, bytes.length)),
      202,
      'the last chunk',
    );
    await expectStatus(await front.request('PUT', `${location}?digest=${digestOf(bytes)}`), 201, 'the end');
    await services.tell('start', 'registry-1');
    for (let times = 0; times < 2; times += 1) {
      const answer = await front.request('GET', `blobs/${digestOf(bytes)}`);
      expect(digestOf(Buffer.from(await answer.arrayBuffer()))).toBe(digestOf(bytes));
    }
  });
});
