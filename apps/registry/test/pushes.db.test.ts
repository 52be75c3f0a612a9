import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { aProject, aUser, password } from '@entrepot/access/testing';
import { uploadPrefix } from '@entrepot/content-store/layout';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { parseDigest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, digestOf, errorOf, someBytes } from './client.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';

const name = 'pushes/app';
const emptyDigest = digestOf('');

describe('pushes of blobs', () => {
  let registry: RunningRegistry;
  let client: Client;

  beforeAll(async () => {
    registry = await startRegistry();
    await aProject(registry.test.database, { name: 'pushes' });
    client = await Client.as(registry, admin, name);
  });
  afterAll(() => registry.close());

  async function expectBlob(digest: string, bytes: Uint8Array): Promise<void> {
    const answer = await client.get(`${name}/blobs/${digest}`);
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
  }

  async function rowsOf(digest: string): Promise<{ state: string; size: number; links: number }[]> {
    const parsed = parseDigest(digest);
    if (parsed === undefined) throw new Error(`${digest} is no digest`);
    return await registry.test.database.query(
      `SELECT state, size, (SELECT count(*)::int FROM repository_blob l WHERE l.blob_id = b.id) AS links
       FROM blob b WHERE digest = $1`,
      [digestToBytes(parsed)],
    );
  }

  /** Whether the review of a link has begun anew, which was to come within the hour. */
  async function isPutOff(digest: string, ask: () => Promise<unknown>): Promise<boolean> {
    const parsed = parseDigest(digest);
    if (parsed === undefined) throw new Error(`${digest} is no digest`);
    const ofBlob = 'blob_id = (SELECT id FROM blob WHERE digest = $1)';
    const { database } = registry.test;
    await database.query(`UPDATE link_review SET review_after = now() - interval '23 h' WHERE ${ofBlob}`, [
      digestToBytes(parsed),
    ]);
    await ask();
    const rows = await database.query(
      `SELECT 1 FROM link_review WHERE ${ofBlob} AND review_after > now() - interval '1 min'`,
      [digestToBytes(parsed)],
    );
    return rows.length > 0;
  }

  it('keep a blob from collection that a pusher asks for, which a pull does not', async () => {
    const bytes = someBytes();
    const digest = digestOf(bytes);
    await client.put(await client.open(name), digest, bytes);
    const path = `${name}/blobs/${digest}`;
    expect(await isPutOff(digest, () => client.get(path))).toBe(false);
    expect(await isPutOff(digest, () => client.head(path))).toBe(true);
    const pull = await registry.token(admin, `repository:${name}:pull`);
    const puller = new Client(registry.url, `Bearer ${pull}`);
    expect(await isPutOff(digest, () => puller.head(path))).toBe(false);
  });

  async function stagedFiles(): Promise<string[]> {
    return await readdir(join(registry.storageRoot, uploadPrefix)).catch(() => []);
  }

  describe('in one request', () => {
    it('take a blob with its POST', async () => {
      const bytes = someBytes(5000);
      const digest = digestOf(bytes);
      const answer = await client.send('POST', `${name}/blobs/uploads/?digest=${digest}`, { body: bytes });
      expect(answer.status).toBe(201);
      expect(answer.headers).toMatchObject({
        location: `/v2/${name}/blobs/${digest}`,
        'docker-content-digest': digest,
      });
      await expectBlob(digest, bytes);
    });

    it('take a chunked body', async () => {
      const bytes = someBytes(5000);
      const digest = digestOf(bytes);
      const answer = await client.send('POST', `${name}/blobs/uploads/?digest=${digest}`, {
        headers: { 'Transfer-Encoding': 'chunked' },
        body: bytes,
      });
      expect(answer.status).toBe(201);
      await expectBlob(digest, bytes);
    });

    it('open an upload when the POST has a digest and no body', async () => {
      const bytes = someBytes();
      const upload = await client.open(name, `?digest=${digestOf(bytes)}`);
      expect((await client.put(upload, digestOf(bytes), bytes)).status).toBe(201);
    });

    it.each(['sha256', 'sha512'] as const)('take the blob of no bytes, by %s', async (algorithm) => {
      const digest = digestOf('', algorithm);
      expect((await client.send('POST', `${name}/blobs/uploads/?digest=${digest}`)).status).toBe(201);
      await expectBlob(digest, Buffer.alloc(0));
      expect((await client.put(await client.open(name), digest)).status).toBe(201);
    });

    it('refuse other bytes than the digest says, and keep nothing of them', async () => {
      const digest = digestOf(someBytes());
      const answer = await client.send('POST', `${name}/blobs/uploads/?digest=${digest}`, {
        body: someBytes(),
      });
      expect([answer.status, errorOf(answer).code]).toEqual([400, 'DIGEST_INVALID']);
      expect(await rowsOf(digest)).toEqual([]);
      expect(await stagedFiles()).toEqual([]);
    });

    it.each(['sha256:abc', 'md5:d41d8cd98f00b204e9800998ecf8427e', 'x', ''])(
      'refuse what is no digest: %s',
      async (text) => {
        for (const query of [`?digest=${text}`, `?mount=${text}&from=${name}`]) {
          const answer = await client.send('POST', `${name}/blobs/uploads/${query}`, { body: 'x' });
          expect([answer.status, errorOf(answer).code]).toEqual([400, 'DIGEST_INVALID']);
        }
        const put = await client.put(await client.open(name), text, 'x');
        expect([put.status, errorOf(put).code]).toEqual([400, 'DIGEST_INVALID']);
      },
    );
  });

  describe('in POST and PUT', () => {
    it('are answered with a relative Location that holds the upload in its path', async () => {
      const answer = await client.send('POST', `${name}/blobs/uploads/`);
      expect(answer.status).toBe(202);
      expect(answer.headers.location).toMatch(/^\/v2\/pushes\/app\/blobs\/uploads\/[A-Za-z0-9_-]+$/);
      expect(answer.headers).toMatchObject({
        range: '0-0',
        'content-length': '0',
        'docker-upload-uuid': expect.stringMatching(/^[0-9a-f-]{36}$/),
        'oci-chunk-min-length': expect.stringMatching(/^\d+$/),
      });
    });

    it.each([100, 9 * 1024 * 1024])('take a blob of %i bytes', async (size) => {
      const bytes = someBytes(size);
      const digest = digestOf(bytes);
      expect((await client.put(await client.open(name), digest, bytes)).status).toBe(201);
      await expectBlob(digest, bytes);
    });

    it('leave no row before the first byte', async () => {
      const [before] = await registry.test.database.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM upload',
      );
      await client.open(name);
      const [after] = await registry.test.database.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM upload',
      );
      expect(after).toEqual(before);
    });

    it('need the digest in the PUT', async () => {
      const answer = await client.send('PUT', await client.open(name), { body: 'x' });
      expect([answer.status, errorOf(answer).code]).toEqual([400, 'DIGEST_INVALID']);
    });

    it('can try again after a wrong digest', async () => {
      const bytes = someBytes();
      const upload = await client.open(name);
      expect((await client.put(upload, emptyDigest, bytes)).status).toBe(400);
      expect((await client.put(upload, digestOf(bytes), bytes)).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });

    it('take sha512', async () => {
      const bytes = someBytes(3000);
      const digest = digestOf(bytes, 'sha512');
      expect((await client.put(await client.open(name), digest, bytes)).status).toBe(201);
      await expectBlob(digest, bytes);
    });

    it('end an upload once', async () => {
      const bytes = someBytes();
      const upload = await client.open(name);
      expect((await client.put(upload, digestOf(bytes), bytes)).status).toBe(201);
      for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
        const answer = await client.send(method, upload);
        expect([answer.status, errorOf(answer).code]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
      }
      expect((await client.put(upload, digestOf(bytes), bytes)).status).toBe(404);
    });
  });

  describe('of a digest that is there', () => {
    it('are one blob and as many successes, also at the same moment', async () => {
      const bytes = someBytes(100_000);
      const digest = digestOf(bytes);
      const push = (): Promise<{ status: number }> =>
        client.send('POST', `${name}/blobs/uploads/?digest=${digest}`, { body: bytes });
      const answers = await Promise.all(Array.from({ length: 12 }, push));
      expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 12 }, () => 201));
      expect((await push()).status).toBe(201);
      expect(await rowsOf(digest)).toEqual([{ state: 'live', size: bytes.length, links: 1 }]);
      expect(await stagedFiles()).toEqual([]);
      await expectBlob(digest, bytes);
    });

    it('link it to a second repository', async () => {
      const bytes = someBytes();
      await client.aBlob(name, bytes);
      const other = await Client.as(registry, admin, 'pushes/second');
      expect((await other.head(`pushes/second/blobs/${digestOf(bytes)}`)).status).toBe(404);
      await other.aBlob('pushes/second', bytes);
      expect((await other.head(`pushes/second/blobs/${digestOf(bytes)}`)).status).toBe(200);
      expect(await rowsOf(digestOf(bytes))).toMatchObject([{ links: 2 }]);
    });
  });

  describe('by mount', () => {
    const mine = 'mounts/target';
    let developer: Client;
    let digests: Record<'own' | 'open' | 'hidden', string>;

    beforeAll(async () => {
      const { database } = registry.test;
      const user = await aUser(database, { username: 'mounter' });
      await aProject(database, { name: 'mounts', members: [[user, 2]] });
      await aProject(database, { name: 'open', public: true });
      await aProject(database, { name: 'hidden' });
      const all = await Client.as(registry, admin, 'mounts/source', 'open/source', 'hidden/source');
      digests = {
        own: (await all.aBlob('mounts/source')).digest,
        open: (await all.aBlob('open/source')).digest,
        hidden: (await all.aBlob('hidden/source')).digest,
      };
      const login = { username: 'mounter', password };
      developer = await Client.as(registry, login, mine, 'mounts/source', 'open/source', 'hidden/source');
    });

    async function mount(query: string): Promise<{ status: number; headers: Record<string, unknown> }> {
      const { status, headers } = await developer.send('POST', `${mine}/blobs/uploads/?${query}`);
      return { status, headers: { ...headers, date: '', location: '', 'docker-upload-uuid': '' } };
    }

    it.each([
      ['its own project', 'own', '&from=mounts/source'],
      ['a public project', 'open', '&from=open/source'],
      ['wherever it may pull, when nothing is named', 'own', ''],
      ['a public project that is not named', 'open', ''],
    ] as const)('take a blob from %s', async (what, which, from) => {
      const target = `mounts/${what.replaceAll(/[ ,]+/g, '-')}`;
      const pusher = await Client.as(registry, { username: 'mounter', password }, target);
      const digest = digests[which];
      expect((await pusher.head(`${target}/blobs/${digest}`)).status).toBe(404);
      const answer = await pusher.send('POST', `${target}/blobs/uploads/?mount=${digest}${from}`);
      expect(answer.status).toBe(201);
      expect(answer.headers).toMatchObject({
        location: `/v2/${target}/blobs/${digest}`,
        'docker-content-digest': digest,
      });
      expect((await pusher.get(`${target}/blobs/${digest}`)).status).toBe(200);
    });

    it('answer a hidden source as one that does not exist: an upload begins', async () => {
      const missing = await mount(`mount=${digestOf('nothing')}&from=mounts/source`);
      expect(missing.status).toBe(202);
      for (const query of [
        `mount=${digests.hidden}&from=hidden/source`,
        `mount=${digests.hidden}`,
        `mount=${digests.hidden}&from=mounts/source`,
        `mount=${digests.own}&from=nowhere/at-all`,
        `mount=${digests.own}&from=No%20Name`,
        `mount=${digests.own}&from=`,
      ]) {
        expect(await mount(query)).toEqual(missing);
      }
      expect((await developer.head(`${mine}/blobs/${digests.hidden}`)).status).toBe(404);
    });

    it('do not take what is not linked to the named repository', async () => {
      expect((await mount(`mount=${digests.open}&from=mounts/source`)).status).toBe(202);
    });

    it('go on as an upload when the mount finds nothing', async () => {
      const bytes = someBytes();
      const upload = await developer.open(mine, `?mount=${digestOf(bytes)}&from=mounts/source`);
      expect((await developer.put(upload, digestOf(bytes), bytes)).status).toBe(201);
    });
  });
});
