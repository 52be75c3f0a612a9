import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { aProject } from '@entrepot/access/testing';
import { blobKey } from '@entrepot/content-store/layout';
import { parseDigest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, digestOf, errorOf, someBytes } from './client.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';

const name = 'elsewhere/app';

describe('behind a proxy that serves the blobs', () => {
  const bytes = someBytes(5_000);
  const digest = digestOf(bytes);
  const path = `${name}/blobs/${digest}`;
  let registry: RunningRegistry;
  let client: Client;

  beforeAll(async () => {
    registry = await startRegistry({ proxyPrefix: '/_blobs' });
    await aProject(registry.test.database, { name: 'elsewhere' });
    client = await Client.as(registry, admin, name);
    await client.put(await client.open(name), digest, bytes);
  });
  afterAll(() => registry.close());

  function keyOf(text: string): string {
    const parsed = parseDigest(text);
    if (parsed === undefined) throw new Error(`${text} is no digest`);
    return blobKey(parsed);
  }

  it('a GET is answered with where the bytes are, and with none of them', async () => {
    const answer = await client.get(path);
    expect(answer.status).toBe(200);
    expect(answer.body).toHaveLength(0);
    expect(answer.headers).toMatchObject({
      'x-accel-redirect': `/_blobs/${keyOf(digest)}`,
      'docker-content-digest': digest,
      'content-type': 'application/octet-stream',
      etag: `"${digest}"`,
    });
  });

  it('HEAD, a current ETag and a range beyond the end are answered here', async () => {
    const head = await client.head(path);
    expect([head.status, head.headers['content-length'], head.headers['x-accel-redirect']]).toEqual([
      200,
      String(bytes.length),
      undefined,
    ]);
    const current = await client.get(path, { 'if-none-match': `"${digest}"` });
    expect([current.status, current.headers['x-accel-redirect']]).toEqual([304, undefined]);
    const beyond = await client.get(path, { range: 'bytes=9000-' });
    expect([beyond.status, errorOf(beyond).code]).toEqual([416, 'RANGE_INVALID']);
  });

  it('a condition that the proxy would refuse is not handed to it', async () => {
    const answer = await client.get(path, { 'if-match': `"${digest}"` });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
  });

  it('whoever may not pull is not sent there', async () => {
    const stranger = await Client.as(registry, undefined, name);
    const answer = await stranger.get(path);
    expect([answer.status, answer.headers['x-accel-redirect']]).toEqual([401, undefined]);
  });

  it('bytes that are missing are told as a blob that is not there', async () => {
    const lost = someBytes(600);
    await client.put(await client.open(name), digestOf(lost), lost);
    await rm(join(registry.storageRoot, keyOf(digestOf(lost))));
    const answer = await client.get(`${name}/blobs/${digestOf(lost)}`);
    expect([answer.status, errorOf(answer).code]).toEqual([404, 'BLOB_UNKNOWN']);
  });
});
