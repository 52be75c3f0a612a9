import { readdir, readlink } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { aProject } from '@entrepot/access/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, digestOf, errorOf, someBytes, type Answer } from './client.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';
import { eventually, SlowRequest } from './slow-request.ts';

const name = 'failures/app';

describe('failures around the registry', () => {
  let registry: RunningRegistry;
  let client: Client;
  let authorization: string;

  beforeAll(async () => {
    registry = await startRegistry({ bodyIdleMs: 500 });
    await aProject(registry.test.database, { name: 'failures' });
    authorization = `Bearer ${await registry.token(admin, `repository:${name}:pull,push,delete`)}`;
    client = new Client(registry.url, authorization);
  });
  afterAll(() => registry.close());

  /** Reads the beginning of a blob and goes away. */
  async function pullAndVanish(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const req = request(`${registry.url}/v2/${path}`, {
        headers: { Authorization: authorization },
        agent: false,
      });
      req.once('error', reject);
      req.once('response', (res) => {
        res.once('data', () => {
          res.destroy();
          resolve();
        });
        res.on('error', () => undefined);
      });
      req.end();
    });
  }

  /** Waits until this process holds so many files of the storage open. */
  async function expectOpenFiles(count: number): Promise<void> {
    const open = await eventually(async () => {
      const targets = await Promise.all(
        (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
      );
      const files = targets.filter((target) => target.startsWith(registry.storageRoot));
      return files.length === count ? files : undefined;
    });
    expect(open).toHaveLength(count);
  }

  it.runIf(process.platform === 'linux')('clients that go away in mid-pull leave nothing open', async () => {
    const bytes = someBytes(30_000_000);
    const blob = await client.aBlob(name, bytes);
    const path = `${name}/blobs/${blob.digest}`;
    await Promise.all(Array.from({ length: 30 }, () => pullAndVanish(path)));
    await expectOpenFiles(0);
    expect(digestOf((await client.get(path)).body)).toBe(blob.digest);
  });

  it.runIf(process.platform === 'linux')(
    'clients that go away in mid-push leave nothing open once their uploads are cancelled',
    async () => {
      const uploads = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const upload = await client.open(name);
          const patch = new SlowRequest(registry.url, 'PATCH', upload, {
            Authorization: authorization,
            'Content-Length': 5_000_000,
          });
          await patch.write(someBytes(2_000_000));
          patch.vanish();
          return upload;
        }),
      );
      for (const upload of uploads) {
        await eventually(async () => ((await client.delete(upload)).status === 204 ? true : undefined));
      }
      await expectOpenFiles(0);
    },
  );

  /** Asks for something and takes as much of it as `take` says, a piece at a time. */
  async function readSlowly(path: string, take: (socket: Socket) => Promise<void>): Promise<Socket> {
    const socket = connect(registry.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`GET /v2/${path} HTTP/1.1\r\nHost: registry\r\nAuthorization: ${authorization}\r\n\r\n`);
    await take(socket);
    return socket;
  }

  it.runIf(process.platform === 'linux')(
    'clients that take nothing of what they asked for are given up',
    async () => {
      const blob = await client.aBlob(name, someBytes(30_000_000));
      const path = `${name}/blobs/${blob.digest}`;
      const sockets = await Promise.all(
        Array.from({ length: 5 }, () => readSlowly(path, async (socket) => void socket.pause())),
      );
      await expectOpenFiles(5);
      await expectOpenFiles(0);
      for (const socket of sockets) socket.destroy();
    },
  );

  it('clients that read slowly get all of it', async () => {
    const blob = await client.aBlob(name, someBytes(12_000_000));
    let received = 0;
    const socket = await readSlowly(`${name}/blobs/${blob.digest}`, async (reader) => {
      reader.on('data', (chunk: Buffer) => {
        received += chunk.length;
        reader.pause();
      });
      const resume = setInterval(() => reader.resume(), 10);
      await eventually(async () => (received > 12_000_000 || reader.closed ? true : undefined));
      clearInterval(resume);
    });
    expect(received).toBeGreaterThan(12_000_000);
    socket.destroy();
  });

  it('a database whose connections all break is back for the next request, and nothing is answered with 500', async () => {
    const artifact = await client.anArtifact(name, 'v1');
    const bytes = someBytes();
    const requests: (() => Promise<Answer>)[] = [
      () => client.get(`${name}/manifests/v1`),
      () => client.get(`${name}/blobs/${artifact.layer.digest}`),
      () => client.send('POST', `${name}/blobs/uploads/?digest=${digestOf(bytes)}`, { body: bytes }),
      () => client.putManifest(name, 'v1', artifact.payload),
      () => client.get(`${name}/tags/list`),
    ];
    for (const ask of requests) {
      await registry.test.database
        .query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        )
        .catch(() => undefined);
      const answers = await Promise.all(Array.from({ length: 8 }, ask));
      for (const answer of answers) {
        expect([200, 201, 503]).toContain(answer.status);
        if (answer.status === 503) expect(errorOf(answer).code).toBe('UNAVAILABLE');
      }
      await eventually(async () => ((await ask()).status < 300 ? true : undefined));
    }
  });
});
