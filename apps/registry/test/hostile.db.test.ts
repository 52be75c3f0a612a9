import { gzipSync } from 'node:zlib';
import { aProject } from '@entrepot/access/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, digestOf, errorOf, manifestType, someBytes } from './client.ts';
import { exchangeRaw, type RawOutcome } from './raw-connection.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';
import { eventually, SlowRequest } from './slow-request.ts';

const name = 'hostile/app';
const zeros = `sha256:${'0'.repeat(64)}`;

describe('hostile input', () => {
  let registry: RunningRegistry;
  let client: Client;
  let token: string;

  beforeAll(async () => {
    registry = await startRegistry({ bodyIdleMs: 400 });
    await aProject(registry.test.database, { name: 'hostile' });
    token = await registry.token(admin, `repository:${name}:pull,push,delete`);
    client = new Client(registry.url, `Bearer ${token}`);
  });
  afterAll(() => registry.close());

  async function raw(requestLine: string, headers: readonly string[] = [], body = ''): Promise<RawOutcome> {
    const head = [requestLine, 'Host: registry', `Authorization: Bearer ${token}`, ...headers];
    return await exchangeRaw(registry.port, `${head.join('\r\n')}\r\n\r\n${body}`);
  }

  /** A refusal in the form of the specification, in time. */
  function expectRefusal(outcome: RawOutcome): void {
    const [answer] = outcome.answers;
    expect(answer?.status).toBeGreaterThanOrEqual(400);
    expect(answer?.status).toBeLessThan(500);
    errorOf({ status: 0, headers: {}, body: Buffer.from(answer?.body ?? '') });
    expect(outcome.milliseconds).toBeLessThan(2000);
  }

  describe('in paths', () => {
    it.each([
      '/v2/../etc/passwd',
      '/v2/hostile/../../etc/manifests/x',
      '/v2/hostile/./app/manifests/x',
      '/v2/hostile//app/manifests/x',
      '/v2/hostile/%2e%2e/app/tags/list',
      '/v2/hostile/%252e%252e/app/tags/list',
      '/v2/hostile%2Fapp/tags/list',
      '/v2/hostile/app%00/tags/list',
      '/v2/hostile/app/manifests/..%2f..%2fetc',
      '/v2/hostile/app/manifests/%00',
      '/v2/hostile/app/manifests/%ff%fe',
      '/v2/hostile/app/manifests/%',
      '/v2/hostile/app/manifests/%zz',
      '/v2/hostile/app/manifests/',
      '/v2/hostile/app/blobs/sha256:..%2f..%2f..%2fetc%2fpasswd',
      '/v2/hostile/app/blobs/sha256:../../../../etc/passwd',
      `/v2/hostile/app/blobs/SHA256:${'0'.repeat(64)}`,
      `/v2/hostile/app/blobs/sha256:${'0'.repeat(63)}`,
      `/v2/hostile/app/blobs/md5:${'0'.repeat(32)}`,
      '/v2/hostile/app/blobs/uploads/../../../x',
      '/v2/hostile/app/blobs/uploads/%2e%2e',
      `/v2/hostile/app/blobs/uploads/${'A'.repeat(600)}`,
      `/v2/hostile/${'a'.repeat(300)}/tags/list`,
      `/v2/${'a/'.repeat(400)}tags/list`,
      `/v2/${'a/'.repeat(4000)}tags/list`,
      `/v2/hostile/app/manifests/${'t'.repeat(5000)}`,
      '/v2/HOSTILE/App/tags/list',
      '/v2/hostile/äpp/tags/list',
      '/v2/hostile/app',
      '/v2/hostile/app/tags',
      '/v2/hostile/app/tags/list/more',
      '/v2/_catalog/x',
      '/v2/__proto__/constructor/tags/list',
      '/v2/constructor',
      '/v2/hostile/app/manifests/x/../../blobs',
      '/v2/?/../..',
      '/v2//',
      '/v2/hostile/app/referrers/latest',
    ])('are refused in the form of the specification: %s', async (path) => {
      for (const method of ['GET', 'DELETE', 'PUT', 'PATCH', 'POST']) {
        // latin1, as bytes: what the client does not escape, it sends
        const outcome = await raw(`${method} ${Buffer.from(path).toString('latin1')} HTTP/1.1`, [
          'Content-Length: 0',
        ]);
        if (outcome.answers[0]?.status === 200) expect([method, path]).toEqual(['GET', '/v2/?/../..']);
        else if (path.includes('ä')) expect(outcome.answers[0]?.status).toBeLessThan(500);
        else expectRefusal(outcome);
      }
    });

    it('never make the registry fail, whatever they are', async () => {
      const piece = fc.oneof(
        fc.constantFrom(
          'v2',
          'hostile',
          'app',
          'manifests',
          'blobs',
          'uploads',
          'tags',
          'list',
          'referrers',
          '_catalog',
          zeros,
          '..',
          '.',
          '',
          '%2e',
          '%2F',
          '%00',
          '%',
          '~',
          '\\',
          ';',
          '*',
        ),
        fc.stringMatching(/^[!-"$->@-~]{1,12}$/),
      );
      const query = fc.array(
        fc.tuple(
          fc.constantFrom(
            'n',
            'last',
            'digest',
            'mount',
            'from',
            'tag',
            'artifactType',
            'after',
            'digest-algorithm',
            '__proto__',
          ),
          fc.string({ unit: 'binary', maxLength: 12 }).map((text) => encodeURIComponent(text.toWellFormed())),
        ),
        { maxLength: 4 },
      );
      const target = fc.tuple(fc.array(piece, { minLength: 1, maxLength: 8 }), query);
      const method = fc.constantFrom(
        'GET',
        'HEAD',
        'PUT',
        'POST',
        'PATCH',
        'DELETE',
        'OPTIONS',
        'TRACE',
        'LINK',
      );
      await fc.assert(
        fc.asyncProperty(method, target, async (verb, [pieces, pairs]) => {
          const path = `/v2/${pieces.join('/')}?${pairs.map((pair) => pair.join('=')).join('&')}`;
          const { answers, milliseconds } = await raw(`${verb} ${path} HTTP/1.1`, ['Content-Length: 0']);
          expect(answers[0]?.status).toBeLessThan(500);
          expect(milliseconds).toBeLessThan(2000);
        }),
        { numRuns: 300 },
      );
    });
  });

  describe('in methods', () => {
    it.each([
      ['POST', `${name}/manifests/x`, 'GET, HEAD, PUT, DELETE'],
      ['PATCH', `${name}/blobs/${zeros}`, 'GET, HEAD, DELETE'],
      ['GET', `${name}/blobs/uploads/`, 'POST'],
      ['PUT', `${name}/tags/list`, 'GET, HEAD'],
      ['DELETE', '_catalog', 'GET, HEAD'],
      ['OPTIONS', `${name}/tags/list`, 'GET, HEAD'],
      ['constructor', '', 'GET, HEAD'],
    ])('%s on %s answers 405 and what is possible', async (method, path, allow) => {
      if (method === 'constructor') return expectRefusal(await raw('PROPFIND /v2/ HTTP/1.1'));
      const answer = await client.send(method, path);
      expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
      errorOf(answer);
    });
  });

  describe('in the framing of requests', () => {
    const smuggled = 'GET /v2/_catalog HTTP/1.1\r\nHost: registry\r\n\r\n';
    const put = `PUT /v2/${name}/manifests/x HTTP/1.1`;

    it.each([
      ['two lengths', ['Content-Length: 5', 'Content-Length: 6'], `hello${smuggled}`],
      ['length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
      ['an odd transfer encoding', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`],
      ['chunks that are not last', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`],
      ['a negative length', ['Content-Length: -1'], smuggled],
      ['a length with a sign', ['Content-Length: +5'], `hello${smuggled}`],
      ['a hexadecimal length', ['Content-Length: 0x5'], `hello${smuggled}`],
      ['an absurd length', ['Content-Length: 99999999999999999999999'], smuggled],
      ['a chunk of an absurd size', ['Transfer-Encoding: chunked'], `FFFFFFFFFFFFFFFFF\r\n${smuggled}`],
      ['a chunk that is no number', ['Transfer-Encoding: chunked'], `zz\r\n${smuggled}`],
      ['space before a colon', ['Content-Length : 5'], `hello${smuggled}`],
      ['a folded header', ['Content-Length: 5', ' 6'], `hello${smuggled}`],
      ['a bare line feed', ['X: y\nContent-Length: 5'], `hello${smuggled}`],
      ['NUL in a header', ['X: a\0b', 'Content-Length: 5'], `hello${smuggled}`],
    ])('one request is never taken for two: %s', async (_, headers, body) => {
      const outcome = await exchangeRaw(
        registry.port,
        `${[put, 'Host: registry', `Authorization: Bearer ${token}`, ...headers].join('\r\n')}\r\n\r\n${body}`,
        2,
      );
      expect(outcome.answers.length).toBeLessThanOrEqual(1);
      for (const { status } of outcome.answers) {
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }
      expect(outcome.closed || outcome.answers.length === 1).toBe(true);
    });

    it('a body that is longer than it says belongs to the next request, and both are answered', async () => {
      const first = `${put}\r\nHost: registry\r\nAuthorization: Bearer ${token}\r\nContent-Length: 5\r\n\r\nhello`;
      const outcome = await exchangeRaw(registry.port, first + smuggled, 2);
      expect(outcome.answers.map((answer) => answer.status)).toEqual([400, 401]);
    });

    it('a request without a Host, or with two, or with nonsense, is refused', async () => {
      for (const host of [
        [],
        ['Host: a', 'Host: b'],
        ['Host: a b'],
        ['Host: x/../y'],
        ['Host: "><script>'],
      ]) {
        const outcome = await exchangeRaw(
          registry.port,
          `${['GET /v2/ HTTP/1.1', ...host].join('\r\n')}\r\n\r\n`,
        );
        expect(outcome.answers[0]?.status).toBe(host.length > 1 ? 401 : 400);
      }
    });

    it('headers beyond all measure are refused', async () => {
      const outcome = await raw('GET /v2/ HTTP/1.1', [`X-Long: ${'x'.repeat(100_000)}`]);
      expect(outcome.answers[0]?.status ?? 431).toBe(431);
    });

    it('a connection goes on after a refusal', async () => {
      const one = `PUT /v2/${name}/manifests/-x HTTP/1.1\r\nHost: registry\r\nAuthorization: Bearer ${token}\r\nContent-Length: 3\r\n\r\nabc`;
      const outcome = await exchangeRaw(registry.port, one.repeat(5), 5);
      expect(outcome.answers.map((answer) => answer.status)).toEqual([400, 400, 400, 400, 400]);
    });

    it.each([
      ['a pull', 'GET /v2/', 'Content-Length: 10'],
      ['a pull with endless chunks', 'GET /v2/', 'Transfer-Encoding: chunked'],
      ['a refusal', `PUT /v2/${name}/manifests/-x`, 'Content-Length: 60000'],
    ])(
      'a body that never comes does not keep the connection after the answer to %s',
      async (_, line, length) => {
        const head = [`${line} HTTP/1.1`, 'Host: registry', `Authorization: Bearer ${token}`, length];
        const outcome = await exchangeRaw(registry.port, `${head.join('\r\n')}\r\n\r\n`, 2, 6000);
        expect(outcome.answers).toHaveLength(1);
        expect(outcome.closed).toBe(true);
      },
    );

    it('an early refusal of a large body reaches the client', async () => {
      for (let round = 0; round < 5; round++) {
        const answer = await client.send('PUT', `${name}/manifests/x`, {
          body: Buffer.alloc(20 * 1024 * 1024),
        });
        expect(answer.status).toBe(413);
        const stranger = await new Client(registry.url).send(
          'POST',
          `${name}/blobs/uploads/?digest=${zeros}`,
          { body: Buffer.alloc(20 * 1024 * 1024) },
        );
        expect(stranger.status).toBe(401);
      }
    });
  });

  describe('in credentials', () => {
    it.each([
      'Bearer',
      'Bearer ',
      'Bearer x',
      'Bearer a.b.c',
      'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.',
      `Bearer ${'x'.repeat(14_000)}`,
      'bearer x',
      'Basic',
      'Basic ',
      'Basic !!!',
      `Basic ${Buffer.from('no colon').toString('base64')}`,
      `Basic ${Buffer.from('ad\0min:pass\0word').toString('base64')}`,
      `Basic ${Buffer.from('robot$\0x+y:z').toString('base64')}`,
      `Basic ${Buffer.from(':').toString('base64')}`,
      `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0xff]).toString('base64')}`,
      `Basic ${Buffer.from(`${'u'.repeat(5000)}:x`).toString('base64')}`,
      `Basic ${Buffer.from(`admin:${'p'.repeat(9000)}`).toString('base64')}`,
      'Digest username="admin"',
      'Negotiate abc',
      '\u00ff\u00fe',
    ])('nobody gets in by %s', async (authorization) => {
      const stranger = new Client(registry.url, authorization);
      for (const path of ['/v2/', `/v2/${name}/manifests/x`, '/v2/_catalog']) {
        const answer = await stranger.get(path);
        expect([answer.status, errorOf(answer).code]).toEqual([401, 'UNAUTHORIZED']);
        expect(answer.headers['www-authenticate']).toMatch(
          /^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/service\/token"/,
        );
      }
    });

    it('a token whose signature, or whose content, was changed', async () => {
      const [head = '', payload = '', signature = ''] = token.split('.');
      const claims = Buffer.from(payload, 'base64url').toString().replace('"pull"', '"push"');
      for (const forged of [
        [head, payload, `${signature.slice(0, -4)}AAAA`],
        [head, Buffer.from(claims.replace(name, 'hostile/other')).toString('base64url'), signature],
        [Buffer.from('{"alg":"none"}').toString('base64url'), payload, ''],
        [Buffer.from('{"alg":"HS256"}').toString('base64url'), payload, signature],
      ]) {
        const answer = await new Client(registry.url, `Bearer ${forged.join('.')}`).get(`${name}/tags/list`);
        expect(answer.status).toBe(401);
        expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
      }
    });
  });

  describe('in queries', () => {
    it('thousands of parameters are answered in time', async () => {
      const query = Array.from({ length: 2000 }, (_, index) => `n=${index}&tag=t`).join('&');
      const answer = await client.get(`${name}/tags/list?${query}`);
      expect(answer.status).toBeLessThan(500);
    });
  });

  describe('in bodies', () => {
    it('nothing is decompressed: what is sent encoded is stored as it came', async () => {
      const bytes = gzipSync(Buffer.alloc(1_000_000));
      const digest = digestOf(bytes);
      const answer = await client.send('POST', `${name}/blobs/uploads/?digest=${digest}`, {
        headers: { 'Content-Encoding': 'gzip' },
        body: bytes,
      });
      expect(answer.status).toBe(201);
      const read = await client.get(`${name}/blobs/${digest}`, { 'Accept-Encoding': 'gzip' });
      expect(read.headers['content-encoding']).toBeUndefined();
      expect(read.body.equals(bytes)).toBe(true);
      const manifest = await client.send('PUT', `${name}/manifests/zipped`, {
        headers: { 'Content-Encoding': 'gzip', 'Content-Type': manifestType },
        body: gzipSync('{"schemaVersion":2}'),
      });
      expect(manifest.status).toBe(400);
    });

    it('a client that stops sending is given up, and keeps what it sent of a blob', async () => {
      const headers = { Authorization: `Bearer ${token}`, 'Content-Length': 1000 };
      const upload = await client.open(name);
      for (const [method, path] of [
        ['PATCH', upload],
        ['PUT', `/v2/${name}/manifests/slow`],
      ] as const) {
        const begun = performance.now();
        const request = new SlowRequest(registry.url, method, path, headers);
        await request.write(someBytes(100));
        const answer = await request.answer;
        expect([answer.status, errorOf(answer).code]).toEqual([400, 'BLOB_UPLOAD_INVALID']);
        expect(performance.now() - begun).toBeLessThan(2000);
      }
      expect((await eventually(async () => await client.get(upload))).headers.range).toBe('0-99');
    });
  });
});
