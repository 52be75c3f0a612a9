import { rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { aProject } from '@entrepot/access/testing';
import { blobKey } from '@entrepot/content-store/layout';
import { parseDigest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Client,
  digestOf,
  errorOf,
  indexType,
  listOf,
  manifestType,
  someBytes,
  type PushedArtifact,
} from './client.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';

const name = 'pulls/app';

describe('pulls', () => {
  let registry: RunningRegistry;
  let client: Client;
  let pushed: PushedArtifact;

  beforeAll(async () => {
    registry = await startRegistry();
    await aProject(registry.test.database, { name: 'pulls' });
    client = await Client.as(registry, admin, name);
    pushed = await client.anArtifact(name, 'one');
  });
  afterAll(() => registry.close());

  function fileOf(digest: string): string {
    const parsed = parseDigest(digest);
    if (parsed === undefined) throw new Error(`${digest} is no digest`);
    return join(registry.storageRoot, blobKey(parsed));
  }

  describe('of manifests', () => {
    it('answer the pushed bytes, by tag and by digest', async () => {
      for (const reference of ['one', pushed.digest]) {
        const answer = await client.get(`${name}/manifests/${reference}`);
        expect(answer.status).toBe(200);
        expect(answer.body.toString()).toBe(pushed.payload);
        expect(answer.headers).toMatchObject({
          'content-type': manifestType,
          'content-length': String(pushed.payload.length),
          'docker-content-digest': pushed.digest,
          'docker-distribution-api-version': 'registry/2.0',
          etag: `"${pushed.digest}"`,
        });
      }
    });

    it('answer HEAD with the headers of GET and no body', async () => {
      const path = `${name}/manifests/one`;
      const [head, get] = [await client.head(path), await client.get(path)];
      expect(head.status).toBe(200);
      expect(head.body).toHaveLength(0);
      expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
    });

    it.each([
      ['nothing', undefined, 200],
      ['its type', manifestType, 200],
      ['any type', '*/*', 200],
      ['a list with its type', `${indexType}, ${manifestType};q=0.5`, 200],
      ['other types alone', indexType, 404],
      ['everything but its type', `*/*, ${manifestType};q=0`, 404],
    ])('negotiate: a client that accepts %s', async (_, accept, status) => {
      const answer = await client.get(
        `${name}/manifests/one`,
        accept === undefined ? {} : { Accept: accept },
      );
      expect(answer.status).toBe(status);
      if (status === 404) expect(errorOf(answer)).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    });

    it('take several Accept headers as one', async () => {
      const answer = await client.get(`${name}/manifests/one`, { Accept: [indexType, manifestType] });
      expect(answer.status).toBe(200);
    });

    it.each([
      ['its tag', (digest: string) => `"${digest}"`, 304],
      ['its weak tag among others', (digest: string) => `"other", W/"${digest}"`, 304],
      ['anything', () => '*', 304],
      ['another tag', () => '"sha256:00"', 200],
    ])('answer 304 when the client has %s', async (_, tag, status) => {
      const answer = await client.get(`${name}/manifests/one`, { 'If-None-Match': tag(pushed.digest) });
      expect(answer.status).toBe(status);
      expect(answer.headers['docker-content-digest']).toBe(pushed.digest);
      expect(answer.body).toHaveLength(status === 304 ? 0 : pushed.payload.length);
    });

    it.each([
      ['an unknown tag', 'nothing', 'MANIFEST_UNKNOWN'],
      ['an unknown digest', digestOf('nothing'), 'MANIFEST_UNKNOWN'],
      ['a name that can be no tag', '-nothing', 'MANIFEST_UNKNOWN'],
      ['a tag of 129 characters', 'x'.repeat(129), 'MANIFEST_UNKNOWN'],
    ])('answer 404 for %s', async (_, reference, code) => {
      const path = `${name}/manifests/${reference}`;
      const answer = await client.get(path);
      expect(answer.status).toBe(404);
      expect(errorOf(answer).code).toBe(code);
      expect((await client.head(path)).status).toBe(404);
    });

    it('answer 404 for a repository that nothing was pushed to', async () => {
      const other = await Client.as(registry, admin, 'pulls/none');
      const answer = await other.get('pulls/none/manifests/one');
      expect(answer.status).toBe(404);
      expect(errorOf(answer)).toMatchObject({ code: 'NAME_UNKNOWN' });
    });

    it('do not find a manifest of another repository of the project', async () => {
      const other = await Client.as(registry, admin, 'pulls/other');
      await other.anArtifact('pulls/other', 'one');
      expect((await other.get(`pulls/other/manifests/${pushed.digest}`)).status).toBe(404);
      expect((await other.head(`pulls/other/blobs/${pushed.layer.digest}`)).status).toBe(404);
    });
  });

  describe('of blobs', () => {
    const bytes = someBytes(300_000);
    const digest = digestOf(bytes);
    const path = `${name}/blobs/${digest}`;

    beforeAll(async () => {
      await client.aBlob(name, bytes);
    });

    it('answer the pushed bytes', async () => {
      const answer = await client.get(path);
      expect(answer.status).toBe(200);
      expect(answer.body.equals(bytes)).toBe(true);
      expect(answer.headers).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-length': String(bytes.length),
        'docker-content-digest': digest,
        'accept-ranges': 'bytes',
        etag: `"${digest}"`,
      });
    });

    it('answer HEAD with the headers of GET and no body', async () => {
      const [head, get] = [await client.head(path), await client.get(path)];
      expect(head.status).toBe(200);
      expect(head.body).toHaveLength(0);
      expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
    });

    it.each([
      ['bytes=0-0', 0, 1],
      ['bytes=100-199', 100, 200],
      ['bytes=299990-', 299_990, 300_000],
      ['bytes=-10', 299_990, 300_000],
      ['bytes=10-999999999', 10, 300_000],
      ['bytes=-999999999', 0, 300_000],
    ])('answer a range: %s', async (range, start, end) => {
      const answer = await client.get(path, { Range: range });
      expect(answer.status).toBe(206);
      expect(answer.body.equals(bytes.subarray(start, end))).toBe(true);
      expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/300000`);
      expect(answer.headers['content-length']).toBe(String(end - start));
    });

    it.each(['bytes=300000-', 'bytes=300000-300001', 'bytes=-0', 'bytes=5-3'])(
      'refuse a range outside of the blob: %s',
      async (range) => {
        const answer = await client.get(path, { Range: range });
        expect(answer.status).toBe(416);
        expect(answer.headers['content-range']).toBe('bytes */300000');
        expect(errorOf(answer).message).toContain('300000');
      },
    );

    it.each(['lines=0-1', 'bytes=0-1,5-6', 'bytes=a-b', 'bytes'])(
      'answer everything when the range is not understood: %s',
      async (range) => {
        const answer = await client.get(path, { Range: range });
        expect(answer.status).toBe(200);
        expect(answer.body).toHaveLength(bytes.length);
      },
    );

    it('serve a range only of the bytes that If-Range names', async () => {
      const same = await client.get(path, { Range: 'bytes=0-9', 'If-Range': `"${digest}"` });
      expect(same.status).toBe(206);
      for (const other of ['"sha256:00"', `W/"${digest}"`, 'Wed, 21 Oct 2015 07:28:00 GMT']) {
        const answer = await client.get(path, { Range: 'bytes=0-9', 'If-Range': other });
        expect(answer.status).toBe(200);
        expect(answer.body).toHaveLength(bytes.length);
      }
    });

    it('answer 304 to a client that has the bytes', async () => {
      const answer = await client.get(path, { 'If-None-Match': `"${digest}"` });
      expect(answer.status).toBe(304);
      expect(answer.body).toHaveLength(0);
    });

    it('answer the blob of no bytes', async () => {
      const empty = await client.aBlob(name, '');
      const answer = await client.get(`${name}/blobs/${empty.digest}`);
      expect(answer.status).toBe(200);
      expect(answer.headers['content-length']).toBe('0');
      expect((await client.get(`${name}/blobs/${empty.digest}`, { Range: 'bytes=0-0' })).status).toBe(416);
    });

    it('answer 404 for a blob that is not in the repository', async () => {
      const answer = await client.get(`${name}/blobs/${digestOf('nothing')}`);
      expect(answer.status).toBe(404);
      expect(errorOf(answer).code).toBe('BLOB_UNKNOWN');
    });
  });

  describe('of blobs whose bytes were lost', () => {
    it('answer 404, whoever asks how, until the next push heals them', async () => {
      for (const method of ['HEAD', 'GET'] as const) {
        const bytes = someBytes();
        const blob = await client.aBlob(name, bytes);
        const path = `${name}/blobs/${blob.digest}`;
        await rm(fileOf(blob.digest));
        expect((await client.send(method, path)).status).toBe(404);
        expect((await client.head(path)).status).toBe(404);
        await client.aBlob(name, bytes);
        expect((await client.get(path)).body.equals(bytes)).toBe(true);
      }
    });

    it('never pass a truncated blob off as whole, and heal it', async () => {
      const bytes = someBytes(200_000);
      const blob = await client.aBlob(name, bytes);
      const path = `${name}/blobs/${blob.digest}`;
      await truncate(fileOf(blob.digest), 100_000);
      const first = await client.get(path).then(
        (answer) => answer.status,
        () => 'cut off',
      );
      expect([404, 'cut off']).toContain(first);
      expect((await client.get(path)).status).toBe(404);
      expect((await client.head(path)).status).toBe(404);
      await client.aBlob(name, bytes);
      expect((await client.get(path)).body.equals(bytes)).toBe(true);
    });

    it('take a storage that is away for no damage', async () => {
      const bytes = someBytes(5000);
      const path = `${name}/blobs/${(await client.aBlob(name, bytes)).digest}`;
      const volume = join(registry.storageRoot, 'docker');
      await rename(volume, `${volume}-away`);
      expect((await client.get(path)).status).toBe(503);
      expect((await client.head(path)).status).toBe(503);
      await rename(`${volume}-away`, volume);
      expect((await client.get(path)).body.equals(bytes)).toBe(true);
    });

    it('heal unseen damage too: a push looks before it believes the row', async () => {
      const bytes = someBytes(5000);
      const blob = await client.aBlob(name, bytes);
      await truncate(fileOf(blob.digest), 10);
      await client.aBlob(name, bytes);
      expect((await client.get(`${name}/blobs/${blob.digest}`)).body.equals(bytes)).toBe(true);
    });
  });

  describe('after a deletion', () => {
    it('find a deleted tag no more, and still what it pointed to', async () => {
      const artifact = await client.anArtifact(name, 'short-lived');
      expect((await client.delete(`${name}/manifests/short-lived`)).status).toBe(202);
      expect((await client.get(`${name}/manifests/short-lived`)).status).toBe(404);
      expect((await client.get(`${name}/manifests/${artifact.digest}`)).status).toBe(200);
    });

    it('find a deleted manifest no more, nor its tags', async () => {
      const artifact = await client.anArtifact(name, 'gone');
      expect((await client.delete(`${name}/manifests/${artifact.digest}`)).status).toBe(202);
      expect((await client.get(`${name}/manifests/${artifact.digest}`)).status).toBe(404);
      expect((await client.get(`${name}/manifests/gone`)).status).toBe(404);
      expect(listOf(await client.get(`${name}/tags/list`)).tags).not.toContain('gone');
    });

    it('find a deleted blob no more, and it is not deleted twice', async () => {
      const blob = await client.aBlob(name);
      const path = `${name}/blobs/${blob.digest}`;
      expect((await client.delete(path)).status).toBe(202);
      expect((await client.get(path)).status).toBe(404);
      const again = await client.delete(path);
      expect([again.status, errorOf(again).code]).toEqual([404, 'BLOB_UNKNOWN']);
    });
  });

  it('see at once, in every process, what another pushed and deleted', async () => {
    const second = client.at(await registry.another());
    for (let round = 0; round < 20; round++) {
      const [writer, reader] = round % 2 === 0 ? [client, second] : [second, client];
      const artifact = await writer.anArtifact(name, 'moving');
      const seen = await reader.get(`${name}/manifests/moving`);
      expect(seen.headers['docker-content-digest']).toBe(artifact.digest);
      expect((await reader.get(`${name}/blobs/${artifact.layer.digest}`)).status).toBe(200);
      await writer.delete(`${name}/manifests/${artifact.digest}`);
      expect((await reader.get(`${name}/manifests/moving`)).status).toBe(404);
      expect((await reader.get(`${name}/manifests/${artifact.digest}`)).status).toBe(404);
      await writer.delete(`${name}/blobs/${artifact.layer.digest}`);
      expect((await reader.get(`${name}/blobs/${artifact.layer.digest}`)).status).toBe(404);
    }
  });
});
