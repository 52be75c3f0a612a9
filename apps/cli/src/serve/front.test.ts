import { once } from 'node:events';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLogger } from '@entrepot/telemetry/logger';
import { Front, isRegistryPath } from './front.ts';

const log = createLogger({ level: 'silent' });

type Handle = (req: IncomingMessage, res: ServerResponse) => void;

const say =
  (text: string): Handle =>
  (_req, res) =>
    void res.end(text);

async function startFront(
  registry: Handle,
  core: Handle = say('core'),
): Promise<{ front: Front; port: number }> {
  const front = new Front({ registry: { handle: registry }, core: { handle: core } }, undefined, log);
  const port = await front.start('127.0.0.1', 0);
  onTestFinished(() => front.stop(0));
  return { front, port };
}

async function get(port: number, path: string): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}

/** Everything that is answered to bytes, the second part of them sent once the answer begins. */
async function speak(port: number, first: string, second?: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  let answer = '';
  socket.on('data', (text: string) => {
    answer += text;
    if (second !== undefined && answer.endsWith('begun')) socket.write(second);
  });
  socket.on('error', () => undefined);
  socket.write(first);
  await once(socket, 'close');
  return answer;
}

describe('the front', () => {
  it.each([
    ['/v2', true],
    ['/v2/', true],
    ['/v2?x', true],
    ['/v2/a/manifests/b', true],
    ['/v2x', false],
    ['/%76%32/', false],
    ['/api/v2.0/ping', false],
    ['/', false],
  ])('%s is the registry: %s', (url, expected) => {
    expect(isRegistryPath(url)).toBe(expected);
  });

  it('hands requests over by their raw path', async () => {
    const { port } = await startFront(say('registry'));
    expect(await get(port, '/v2/_catalog')).toBe('registry');
    expect(await get(port, '/api/v2.0/ping')).toBe('core');
  });

  it('says that another process serves what it has no app for', async () => {
    const front = new Front({ registry: { handle: say('registry') } }, undefined, log);
    const port = await front.start('127.0.0.1', 0);
    onTestFinished(() => front.stop(0));
    expect(await get(port, '/v2/')).toBe('registry');
    const answer = await fetch(`http://127.0.0.1:${port}/api/v2.0/ping`);
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('another process serves this path');
  });

  it.each([
    ['BREW /v2/ HTTP/1.1\r\nHost: h\r\n\r\n', '400', /no method/],
    ['GET /v2/ HTTP/1.1\r\nHost h\r\n\r\n', '400', /no request/],
    [`GET /v2/ HTTP/1.1\r\nHost: h\r\nX-Long: ${'x'.repeat(40_000)}\r\n\r\n`, '431', /too long/],
  ])('refuses what is no request, in the form of both APIs: %#', async (text, status, message) => {
    const { port } = await startFront(say(''));
    const [head = '', body = ''] = (await speak(port, text)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(body)).toMatchObject({
      errors: [{ code: 'BAD_REQUEST', message: expect.stringMatching(message) as string }],
    });
  });

  it('cuts off, and does not add to, an answer that has begun', async () => {
    const { port } = await startFront((_req, res) => {
      res.writeHead(200, { 'Content-Length': 100 });
      res.write('begun');
    });
    const text = 'POST /v2/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answer = await speak(port, text, 'no chunk\r\n');
    expect(answer).toMatch(/begun$/);
  });

  it('never ends a request for its length, and waits for headers half a minute', async () => {
    const { front } = await startFront(say(''));
    expect(front.server.requestTimeout).toBe(0);
    expect(front.server.headersTimeout).toBe(30_000);
  });

  it('refuses in one sentence an address that is taken', async () => {
    const { port } = await startFront(say(''));
    const other = new Front({ registry: { handle: say('') }, core: { handle: say('') } }, undefined, log);
    await expect(other.start('127.0.0.1', port)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /^cannot listen on 127\.0\.0\.1:\d+: another program listens there/,
      ) as string,
    });
  });
});

describe('a server that listens', () => {
  it('goes on, and says so, when a connection could not be taken', async () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const registry = { handle: say('registry') };
    const front = new Front(
      { registry, core: registry },
      undefined,
      createLogger({ level: 'error', destination }),
    );
    const port = await front.start('127.0.0.1', 0);
    onTestFinished(() => front.stop(0));
    front.server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    expect(lines.join('')).toContain('accept EMFILE');
    expect(await get(port, '/v2/')).toBe('registry');
  });
});

describe('requests that are sent ahead on one connection', () => {
  const requests = (...paths: string[]): string =>
    paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');

  it('are handed over one after the other', async () => {
    const steps: string[] = [];
    const { port } = await startFront((req, res) => {
      steps.push(`takes ${req.url}`);
      setTimeout(() => {
        steps.push(`answers ${req.url}`);
        res.end(`<${req.url}>`);
      }, 20);
    });
    let received = '';
    const socket = connect(port, '127.0.0.1').on('data', (data: Buffer) => (received += data.toString()));
    socket.write(requests('/v2/1', '/v2/2', '/v2/3'));
    await vi.waitUntil(() => received.endsWith('</v2/3>'));
    const expected = ['/v2/1', '/v2/2', '/v2/3'];
    expect(received.match(/(?<=<)[^>]+/g)).toEqual(expected);
    expect(steps).toEqual(expected.flatMap((path) => [`takes ${path}`, `answers ${path}`]));
    socket.destroy();
  });

  it.each(['destroy', 'resetAndDestroy'] as const)(
    'leave nothing behind when the client is gone before their turn (%s)',
    async (leave) => {
      let waiting = 0;
      const { front, port } = await startFront((_req, res) => {
        waiting += 1;
        setTimeout(() => res.write(Buffer.alloc(4_000_000), () => (waiting -= 1)), 50);
      });
      const socket = connect(port, '127.0.0.1');
      socket.write(requests('/v2/1', '/v2/2', '/v2/3'));
      await vi.waitUntil(() => waiting > 0);
      await sleep(200);
      socket[leave]();
      await vi.waitUntil(() => waiting === 0, { timeout: 2_000 });
      const begun = Date.now();
      await front.stop(5_000);
      expect(Date.now() - begun).toBeLessThan(1_500);
    },
  );
});

describe('a stop of the front', () => {
  it('lets a request in flight end', async () => {
    const { front, port } = await startFront((_req, res) => void setTimeout(() => res.end('whole'), 200));
    const answer = get(port, '/v2/');
    await sleep(50);
    await front.stop(5_000);
    expect(await answer).toBe('whole');
  });

  it('refuses with 503 what does not end in time, also a body that is still coming', async () => {
    const { front, port } = await startFront((req) => void req.resume());
    const upload = request({
      port,
      method: 'PATCH',
      path: '/v2/a/blobs/uploads/x',
      headers: { 'Content-Length': 1000 },
    });
    upload.on('error', () => undefined);
    upload.write('some');
    const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
    await sleep(50);
    const begun = Date.now();
    await front.stop(200);
    expect(Date.now() - begun).toBeLessThan(2_000);
    const [response] = await answered;
    expect(response.statusCode).toBe(503);
    expect(response.headers['retry-after']).toBe('5');
    expect(response.headers.connection).toBe('close');
  });

  it('refuses so that a client which looks at no answer before it has sent more gets to see it', async () => {
    const { front, port } = await startFront((req) => void req.resume());
    const socket = connect(port, '127.0.0.1');
    const failed = once(socket, 'error').then(([error]: Error[]) => String(error));
    socket.write('PATCH /v2/a/blobs/uploads/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n');
    await sleep(50);
    const stopped = front.stop(100);
    for (let sent = 0; sent < 20; sent++) {
      socket.write(Buffer.alloc(64 * 1024));
      await sleep(20);
    }
    const answer = once(socket.setEncoding('latin1'), 'data').then(String);
    expect(await Promise.race([answer, failed])).toMatch(/^HTTP\/1.1 503 [^]*"UNAVAILABLE"/);
    socket.destroy();
    await stopped;
  });

  it('refuses further requests of a connection that is kept open', async () => {
    const waiting: ServerResponse[] = [];
    const { front, port } = await startFront((req, res) => {
      if (req.url === '/v2/slow') waiting.push(res);
      else res.end('fast');
    });
    const slow = get(port, '/v2/slow');
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.on('data', (data: Buffer) => (received += data.toString()));
    // the second request is on its way before the first is answered, so the connection is not idle
    socket.write('GET /v2/slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await sleep(50);
    const stopped = front.stop(2_000);
    socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n');
    await sleep(50);
    for (const res of waiting) res.end('done');
    await stopped;
    expect(await slow).toBe('done');
    expect(received).toContain('done');
    expect(received).not.toContain('fast');
  });

  it('answers the request that is on its way on a connection just taken', async () => {
    const { front, port } = await startFront(say('taken'));
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    await sleep(20);
    const stopped = front.stop(2_000);
    await sleep(50);
    socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = (await once(socket.setEncoding('latin1'), 'data')) as [string];
    expect(answer).toMatch(/^HTTP\/1.1 200 [^]*Connection: close[^]*taken/);
    await stopped;
  });

  it('answers once more on a connection that a proxy keeps, takes no new one, and ends when the proxy lets go', async () => {
    const { front, port } = await startFront(say('kept'));
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    const ask = async (): Promise<string> => {
      socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n');
      const [answer] = (await once(socket, 'data')) as [string];
      return answer;
    };
    expect(await ask()).toMatch(/200 [^]*Connection: keep-alive/);
    const begun = Date.now();
    const stopped = front.stop(5_000, 4_000);
    await sleep(300);
    await expect(get(port, '/v2/')).rejects.toThrow('fetch failed');
    expect(await ask()).toMatch(/200 [^]*Connection: close/);
    await stopped;
    expect(Date.now() - begun).toBeLessThan(2_000);
  });

  it('ends although a client keeps its connection open', async () => {
    const { front, port } = await startFront(say('x'));
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const begun = Date.now();
    await front.stop(5_000);
    expect(Date.now() - begun).toBeLessThan(1_500);
    socket.destroy();
  });
});
