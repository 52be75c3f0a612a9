import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { aProject, aUser, password } from '@entrepot/access/testing';
import { blobKey, uploadPrefix } from '@entrepot/content-store/layout';
import { parseDigest } from '@entrepot/oci/digest';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, digestOf, errorOf, someBytes, type Answer } from './client.ts';
import { admin, startRegistry, type Replica, type RunningRegistry } from './registry-harness.ts';
import { eventually, SlowRequest } from './slow-request.ts';

const name = 'uploads/app';

describe('uploads in pieces', () => {
  let registry: RunningRegistry;
  let client: Client;
  let authorization: string;

  beforeAll(async () => {
    registry = await startRegistry();
    await aProject(registry.test.database, { name: 'uploads' });
    authorization = `Bearer ${await registry.token(admin, `repository:${name}:pull,push`)}`;
    client = new Client(registry.url, authorization);
  });
  afterAll(() => registry.close());

  function slowly(replica: Replica, method: string, path: string, length?: number): SlowRequest {
    const body = length === undefined ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': length };
    return new SlowRequest(replica.url, method, path, { Authorization: authorization, ...body });
  }

  /** A request of which the registry has begun to take the bytes. */
  async function aRunning(
    replica: Replica,
    method: string,
    path: string,
    body: { first: Buffer; length: number },
  ): Promise<SlowRequest> {
    const running = slowly(replica, method, path, body.length);
    await running.write(body.first);
    await eventually(async () => (typeof (await leaseOf(path))?.owner === 'string' ? true : undefined));
    // the lease is taken an instant before the body is
    await sleep(30);
    return running;
  }

  /** The size of an upload that nobody writes to, once it has more than `least` bytes. */
  async function standingOf(upload: string, least: number): Promise<number> {
    return await eventually(async () => {
      const row = await leaseOf(upload);
      return row?.owner === null && row.size > least ? row.size : undefined;
    });
  }

  async function leaseOf(upload: string): Promise<{ owner: string | null; size: number } | undefined> {
    const [row] = await registry.test.database.query<{ owner: string | null; size: number }>(
      'SELECT owner, size FROM upload WHERE id = $1',
      [uuidOf(upload)],
    );
    return row;
  }

  function expectStanding(answer: Answer, status: number, size: number): void {
    expect(answer.status).toBe(status);
    expect(answer.headers.range).toBe(`0-${Math.max(0, size - 1)}`);
  }

  async function expectBlob(digest: string, bytes: Uint8Array): Promise<void> {
    const answer = await client.get(`${name}/blobs/${digest}`);
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
  }

  describe('in good order', () => {
    it('tell after each chunk where the upload stands, and publish the whole', async () => {
      const bytes = someBytes(300_000);
      const upload = await client.open(name);
      expectStanding(await client.get(upload), 204, 0);
      for (const [start, end] of [
        [0, 100_000],
        [100_000, 100_001],
        [100_001, 250_000],
      ] as const) {
        const range = { 'Content-Range': `${start}-${end - 1}` };
        const patch = await client.patch(upload, bytes.subarray(start, end), range);
        expectStanding(patch, 202, end);
        expect(patch.headers.location).toBe(upload);
        expectStanding(await client.get(upload), 204, end);
        expectStanding(await client.head(upload), 204, end);
      }
      const put = await client.put(upload, digestOf(bytes), bytes.subarray(250_000));
      expect(put.status).toBe(201);
      expect(put.headers.location).toBe(`/v2/${name}/blobs/${digestOf(bytes)}`);
      await expectBlob(digestOf(bytes), bytes);
    });

    it('take chunks without a Content-Range, and a PUT without a body', async () => {
      const bytes = someBytes(1000);
      const upload = await client.open(name);
      await client.patch(upload, bytes.subarray(0, 400));
      await client.patch(upload, bytes.subarray(400));
      expect((await client.put(upload, digestOf(bytes))).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });

    it('take a body of unknown length', async () => {
      const bytes = someBytes(1000);
      const upload = await client.open(name);
      const patch = slowly(registry, 'PATCH', upload);
      await patch.write(bytes.subarray(0, 1));
      await patch.write(bytes.subarray(1));
      expectStanding(await patch.end(), 202, 1000);
      expect((await client.put(upload, digestOf(bytes))).status).toBe(201);
    });

    it.each([
      ['begun as such', '?digest-algorithm=sha512'],
      ['begun as any', ''],
    ])('publish under sha512 an upload that was %s', async (_, query) => {
      const bytes = someBytes(5000);
      const upload = await client.open(name, query);
      await client.patch(upload, bytes);
      expect((await client.put(upload, digestOf(bytes, 'sha512'))).status).toBe(201);
      await expectBlob(digestOf(bytes, 'sha512'), bytes);
    });

    it('refuse a digest algorithm that is not supported', async () => {
      const answer = await client.send('POST', `${name}/blobs/uploads/?digest-algorithm=md5`);
      expect([answer.status, errorOf(answer).code]).toEqual([400, 'DIGEST_INVALID']);
    });

    it('make the right blob whatever the chunks, and whichever process takes them', async () => {
      const second = client.at(await registry.another());
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ size: fc.integer({ min: 0, max: 40_000 }), elsewhere: fc.boolean() }), {
            maxLength: 8,
          }),
          fc.boolean(),
          async (chunks, withRange) => {
            const bytes = someBytes(chunks.reduce((sum, chunk) => sum + chunk.size, 1));
            const upload = await client.open(name);
            let at = 0;
            for (const { size, elsewhere } of chunks) {
              const headers =
                withRange && size > 0 ? { 'Content-Range': `${at}-${at + size - 1}` } : undefined;
              const to = elsewhere ? second : client;
              expectStanding(await to.patch(upload, bytes.subarray(at, at + size), headers), 202, at + size);
              at += size;
            }
            const put = await client.put(upload, digestOf(bytes), bytes.subarray(at));
            expect(put.status).toBe(201);
            await expectBlob(digestOf(bytes), bytes);
          },
        ),
        { numRuns: 25 },
      );
    });
  });

  describe('in wrong order', () => {
    it('answer 416 and where to go on', async () => {
      const bytes = someBytes(1000);
      const upload = await client.open(name);
      const early = await client.patch(upload, bytes.subarray(500), { 'Content-Range': '500-999' });
      expectStanding(early, 416, 0);
      expect(errorOf(early).code).toBe('RANGE_INVALID');
      await client.patch(upload, bytes.subarray(0, 500), { 'Content-Range': '0-499' });
      for (const start of [0, 499, 501]) {
        const range = { 'Content-Range': `${start}-${start + 499}` };
        expectStanding(await client.patch(upload, bytes.subarray(500), range), 416, 500);
      }
      const put = await client.send('PUT', `${upload}?digest=${digestOf(bytes)}`, {
        headers: { 'Content-Range': '0-499' },
        body: bytes.subarray(0, 500),
      });
      expectStanding(put, 416, 500);
      await client.patch(upload, bytes.subarray(500), { 'Content-Range': '500-999' });
      expect((await client.put(upload, digestOf(bytes))).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });

    it.each([
      ['more bytes than it sends', '0-199', 'SIZE_INVALID'],
      ['fewer bytes than it sends', '0-98', 'SIZE_INVALID'],
      ['no range', 'all of it', 'BLOB_UPLOAD_INVALID'],
      ['a range that ends before it begins', '99-0', 'BLOB_UPLOAD_INVALID'],
      ['an absurd range', '0-99999999999999999999', 'BLOB_UPLOAD_INVALID'],
    ])('refuse a chunk that names %s', async (_, range, code) => {
      const upload = await client.open(name);
      const answer = await client.patch(upload, someBytes(100), { 'Content-Range': range });
      expect([answer.status, errorOf(answer).code]).toEqual([400, code]);
      expectStanding(await client.get(upload), 204, 0);
    });
  });

  describe('with a digest that is not theirs', () => {
    it('keep what was there, and drop what came with the PUT', async () => {
      const bytes = someBytes(1000);
      const upload = await client.open(name);
      await client.patch(upload, bytes.subarray(0, 600));
      for (const rest of [bytes.subarray(600, 700), Buffer.alloc(0)]) {
        const answer = await client.put(upload, digestOf(bytes), rest);
        expect([answer.status, errorOf(answer).code]).toEqual([400, 'DIGEST_INVALID']);
        expectStanding(await client.get(upload), 204, 600);
      }
      expect((await client.put(upload, digestOf(bytes), bytes.subarray(600))).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });
  });

  describe('that are cancelled', () => {
    it('are gone, with their bytes', async () => {
      const upload = await client.open(name);
      await client.patch(upload, someBytes(1000));
      expect((await client.delete(upload)).status).toBe(204);
      const answer = await client.get(upload);
      expect([answer.status, errorOf(answer).code]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
      expect((await client.patch(upload, 'x')).status).toBe(404);
      expect((await client.delete(upload)).status).toBe(404);
      const staged = await readdir(join(registry.storageRoot, uploadPrefix)).catch(() => []);
      expect(staged.filter((file) => file.startsWith(uuidOf(upload)))).toEqual([]);
    });

    it('can be so before their first byte', async () => {
      const upload = await client.open(name);
      expect((await client.delete(upload)).status).toBe(204);
      expect((await client.patch(upload, 'x')).status).toBe(404);
    });

    it('stay so when a chunk was on its way', async () => {
      const upload = await client.open(name);
      const patch = await aRunning(registry, 'PATCH', upload, { first: someBytes(500), length: 1000 });
      expect((await client.delete(upload)).status).toBe(204);
      await patch.write(someBytes(500));
      expect((await patch.end()).status).toBeGreaterThanOrEqual(404);
      expect((await client.get(upload)).status).toBe(404);
    });
  });

  describe('whose client vanishes', () => {
    it('keep what arrived, and go on there', async () => {
      const bytes = someBytes(1_000_000);
      const upload = await client.open(name);
      const body = { first: bytes.subarray(0, 400_000), length: bytes.length };
      (await aRunning(registry, 'PATCH', upload, body)).vanish();
      const at = await standingOf(upload, 0);
      expectStanding(
        await client.patch(upload, bytes.subarray(at), { 'Content-Range': `${at}-999999` }),
        202,
        bytes.length,
      );
      expect((await client.put(upload, digestOf(bytes))).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });

    it('keep what arrived with a PUT, too', async () => {
      const bytes = someBytes(3_000_000);
      const upload = await client.open(name);
      await client.patch(upload, bytes.subarray(0, 1000));
      const body = { first: bytes.subarray(1000, 500_000), length: bytes.length - 1000 };
      (await aRunning(registry, 'PUT', `${upload}?digest=${digestOf(bytes)}`, body)).vanish();
      const at = await standingOf(upload, 1000);
      expect((await client.put(upload, digestOf(bytes), bytes.subarray(at))).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });

    it('go on after the process began anew', async () => {
      const bytes = someBytes(1_000_000);
      const before = await registry.another();
      const upload = await client.at(before).open(name);
      await client.at(before).patch(upload, bytes.subarray(0, 300_000));
      const body = { first: bytes.subarray(300_000, 600_000), length: 700_000 };
      (await aRunning(before, 'PATCH', upload, body)).vanish();
      const at = await standingOf(upload, 300_000);
      await before.close();
      const after = client.at(await registry.another());
      expectStanding(await after.get(upload), 204, at);
      expect((await after.put(upload, digestOf(bytes), bytes.subarray(at))).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });
  });

  describe('whose process was killed', () => {
    // a killed process leaves its lease behind, and bytes beyond the durable point
    async function killed(): Promise<{ upload: string; bytes: Buffer }> {
      const bytes = someBytes(10_000);
      const upload = await client.open(name);
      await client.patch(upload, bytes.subarray(0, 4000));
      await registry.test.database.query(
        `UPDATE upload SET owner = 'killed', lease_until = now() + interval '30 seconds', generation = generation + 1
         WHERE id = $1`,
        [uuidOf(upload)],
      );
      return { upload, bytes };
    }

    it('are free as soon as the only process has begun anew', async () => {
      const { upload, bytes } = await killed();
      expect((await client.patch(upload, bytes.subarray(4000))).status).toBe(409);
      const again = client.at(await registry.another({ onlyProcess: true }));
      expectStanding(await again.get(upload), 204, 4000);
      expect((await again.put(upload, digestOf(bytes), bytes.subarray(4000))).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });

    it('stay its own among several processes until its lease has run out', async () => {
      const { upload, bytes } = await killed();
      const other = client.at(await registry.another());
      expect((await other.patch(upload, bytes.subarray(4000))).status).toBe(409);
      await registry.test.database.query('UPDATE upload SET lease_until = now() WHERE id = $1', [
        uuidOf(upload),
      ]);
      expect((await other.put(upload, digestOf(bytes), bytes.subarray(4000))).status).toBe(201);
    });
  });

  describe('that two requests write to', () => {
    it('answer one of them 409, in any process, and take the other', async () => {
      const bytes = someBytes(100_000);
      const second = client.at(await registry.another());
      const upload = await client.open(name);
      const patch = await aRunning(registry, 'PATCH', upload, {
        first: bytes.subarray(0, 50_000),
        length: bytes.length,
      });
      for (const rival of [client, second]) {
        for (const attempt of [rival.patch(upload, 'late'), rival.put(upload, digestOf('late'), 'late')]) {
          const answer = await attempt;
          expect([answer.status, errorOf(answer).code]).toEqual([409, 'BLOB_UPLOAD_INVALID']);
          expect(answer.headers['retry-after']).toBe('1');
        }
      }
      await patch.write(bytes.subarray(50_000));
      expectStanding(await patch.end(), 202, bytes.length);
      expect((await second.put(upload, digestOf(bytes))).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });

    it('publish the same upload once when two PUTs come at once', async () => {
      const bytes = someBytes(5000);
      const second = client.at(await registry.another());
      const upload = await client.open(name);
      await client.patch(upload, bytes);
      const answers = await Promise.all(
        [client, second, client, second].map((each) => each.put(upload, digestOf(bytes))),
      );
      expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
      for (const { status } of answers) expect([201, 404, 409]).toContain(status);
      await expectBlob(digestOf(bytes), bytes);
    });

    it('never let bytes of the first change what a second, that took over, has published', async () => {
      const bytes = someBytes(200_000);
      const second = client.at(await registry.another());
      const upload = await client.open(name);
      await client.patch(upload, bytes.subarray(0, 50_000));
      const stuck = await aRunning(registry, 'PATCH', upload, { first: someBytes(50_000), length: 150_000 });
      // as after half a minute without a sign of life from the first process
      await registry.test.database.query(
        `UPDATE upload SET lease_until = now() - interval '1 second' WHERE id = $1`,
        [uuidOf(upload)],
      );
      expect((await second.put(upload, digestOf(bytes), bytes.subarray(50_000))).status).toBe(201);
      await stuck.write(someBytes(100_000));
      const late = await stuck.end();
      expect([404, 409]).toContain(late.status);
      errorOf(late);
      await expectBlob(digestOf(bytes), bytes);
      const parsed = parseDigest(digestOf(bytes));
      if (parsed === undefined) throw new Error('no digest');
      expect((await readFile(join(registry.storageRoot, blobKey(parsed)))).equals(bytes)).toBe(true);
    });

    it('take nothing from bytes that came to the staged file by another hand', async () => {
      const bytes = someBytes(1000);
      const second = client.at(await registry.another());
      const upload = await client.open(name);
      await client.patch(upload, bytes);
      const directory = join(registry.storageRoot, uploadPrefix);
      for (const file of await readdir(directory)) {
        if (file.startsWith(uuidOf(upload)))
          await appendFile(join(directory, file), 'torn write after a crash');
      }
      expect((await second.put(upload, digestOf(bytes))).status).toBe(201);
      await expectBlob(digestOf(bytes), bytes);
    });
  });

  describe('by their ids', () => {
    it('are unknown in another repository, to another account, and when the id was forged', async () => {
      const { database } = registry.test;
      const user = await aUser(database, { username: 'neighbour' });
      await database.query(
        'INSERT INTO project_member (project_id, user_id, role_id) SELECT id, $1, 2 FROM project WHERE name = $2',
        [user.id, 'uploads'],
      );
      const neighbour = await Client.as(registry, { username: 'neighbour', password }, name);
      const wide = await Client.as(registry, admin, name, 'uploads/other');
      const upload = await client.open(name);
      await client.patch(upload, 'mine');
      const id = upload.split('/').at(-1) ?? '';
      const attempts: [Client, string][] = [
        [wide, upload.replace('/app/', '/other/')],
        [neighbour, upload],
        [client, upload.replace(id, `${id.startsWith('A') ? 'B' : 'A'}${id.slice(1)}`)],
        [client, upload.replace(id, id.slice(0, -4))],
        [client, upload.replace(id, uuidOf(upload))],
        [client, upload.replace(id, 'x')],
      ];
      for (const [who, path] of attempts) {
        for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
          const answer = await who.send(method, `${path}?digest=${digestOf('mine')}`);
          expect([method, answer.status, errorOf(answer).code]).toEqual([method, 404, 'BLOB_UPLOAD_UNKNOWN']);
        }
      }
      expectStanding(await client.get(upload), 204, 4);
    });
  });
});

/** The id under which the database knows an upload. */
function uuidOf(upload: string): string {
  const hex = Buffer.from(/\/uploads\/([\w-]{20,})/.exec(upload)?.[1] ?? '', 'base64url').toString(
    'hex',
    0,
    16,
  );
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
