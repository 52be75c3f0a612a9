import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mebibyte, readAll } from '../conformance/driver-under-test.ts';
import type { StorageDriver } from '../driver.ts';
import { CuttingProxy } from '../testing/cutting-proxy.ts';
import type { ObjectServer } from '../testing/object-server.ts';
import { S3UnderTest } from '../testing/s3-under-test.ts';
import { missingPrograms } from '../testing/server-process.ts';
import { startVersitygw, versitygwPrograms } from '../testing/versitygw.ts';
import { S3Driver } from './s3-driver.ts';
import type { S3Options } from './s3-options.ts';

const missing = missingPrograms(versitygwPrograms);
const part = 5 * mebibyte;

describe.skipIf(missing.length > 0)(`S3 that is hard to reach ${missing.join(', ')}`, () => {
  let server: ObjectServer;
  let proxy: CuttingProxy;
  let bucket: S3UnderTest;

  beforeAll(async () => {
    server = await startVersitygw();
    proxy = await CuttingProxy.start(server);
    bucket = await S3UnderTest.open(proxy);
  });
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
  });

  function open(options: Partial<S3Options> = {}): { place: S3Options; driver: StorageDriver } {
    const place = bucket.newPlace({ sizes: { part }, ...options });
    return { place, driver: new S3Driver(place) };
  }

  it.each([undefined, 'object'])(
    'publishes although the answer is lost (final key: %s)',
    async (finalKey) => {
      const { place, driver } = open();
      await driver.probe();
      const bytes = randomBytes(11 * mebibyte);
      const appender = await driver.create('staging/1', finalKey === undefined ? {} : { finalKey });
      await appender.append([bytes]);
      let lost = 0;
      proxy.cut = ({ method, url }) => {
        if (method !== 'POST' || url?.includes('uploadId=') !== true || lost > 0) return 'none';
        lost += 1;
        return 'answer';
      };
      expect(await appender.publish('object')).toMatch(/created|exists/);
      proxy.cut = () => 'none';
      expect(lost).toBe(1);
      expect((await readAll(driver, 'object'))?.equals(bytes)).toBe(true);
      expect(await bucket.listAll(place)).toEqual(['object']);
    },
  );

  it('goes on reading where the connection broke', async () => {
    const { driver } = open();
    const bytes = randomBytes(9 * mebibyte);
    await driver.put('object', bytes);
    let cuts = 0;
    proxy.cut = ({ method }) => {
      if (method !== 'GET' || cuts === 3) return 'none';
      cuts += 1;
      return { afterBytes: 2 * mebibyte };
    };
    expect(
      (await readAll(driver, 'object', { start: 5, end: 9_000_000 }))?.equals(bytes.subarray(5, 9_000_000)),
    ).toBe(true);
    proxy.cut = () => 'none';
    expect(cuts).toBe(3);
  });

  it('gives up a read that gets nowhere, with the reason', async () => {
    const { driver } = open();
    await driver.put('object', randomBytes(1000));
    proxy.cut = ({ method }) => (method === 'GET' ? 'answer' : 'none');
    await expect(readAll(driver, 'object')).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      retryAfter: 5,
      message: expect.stringContaining('/object: ') as string,
    });
    proxy.cut = () => 'none';
  });

  it('does not wait for long for a server that says nothing', async () => {
    const { driver } = open({ answerMs: 200 });
    proxy.cut = () => 'silence';
    const refusal = {
      code: 'STORAGE_FAILED',
      message: expect.stringContaining('the server does not answer') as string,
    };
    await Promise.all([
      expect(driver.stat('object')).rejects.toMatchObject(refusal),
      expect(readAll(driver, 'object')).rejects.toMatchObject(refusal),
      expect(driver.probe()).rejects.toMatchObject(refusal),
    ]);
    proxy.cut = () => 'none';
  });

  it.each([
    ['no such bucket', { bucket: 'entrepot-absent' }, 'there is no such bucket'],
    [
      'a wrong secret',
      { credentials: { accessKeyId: 'entrepot', secretAccessKey: 'wr0ng' } },
      'the secret key is not',
    ],
    [
      'an unknown key',
      { credentials: { accessKeyId: 'nobody', secretAccessKey: 'wr0ng' } },
      'not know the access key',
    ],
    ['another region', { region: 'eu-north-9' }, 'the region is not that of the bucket'],
    ['nobody at the endpoint', { endpoint: 'http://127.0.0.1:9' }, 'nothing listens at the endpoint'],
  ])('says what is wrong and how to mend it: %s', async (_, options, words) => {
    const { driver } = open(options);
    const error: unknown = await driver.probe().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining(words) as string,
    });
    expect(`${String(error)} ${String((error as Error).cause)}`).not.toMatch(/wr0ng|Signature=/);
  });

  it('says where bytes can be had, when it may', async () => {
    const bytes = randomBytes(1000);
    const { place, driver } = open({ redirectSeconds: 60 });
    await driver.put('a/object', bytes);
    const location = await driver.locate('a/object');
    const url = location !== undefined && 'redirect' in location ? location.redirect : '';
    const answer = await fetch(url, { headers: { Range: 'bytes=10-19' } });
    expect(answer.status).toBe(206);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true);
    expect((await fetch(url.replace('object', 'other'))).status).toBe(403);
    const { redirectSeconds: _, ...streamed } = place;
    expect(await new S3Driver(streamed).locate('a/object')).toBeUndefined();
  });
});
