import { aProject, aRobot, aUser, password } from '@entrepot/access/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Client,
  digestOf,
  errorOf,
  indexType,
  listOf,
  manifestType,
  someBytes,
  type Answer,
  type ListAnswer,
  type PushedArtifact,
} from './client.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';

/** The path of the next page, as the Link header gives it. */
function nextOf(answer: Answer): string | undefined {
  return /^<([^>]+)>; rel="next"$/.exec(String(answer.headers.link ?? ''))?.[1];
}

async function allPages(client: Client, path: string): Promise<{ pages: ListAnswer[]; answers: Answer[] }> {
  const answers: Answer[] = [];
  for (let next: string | undefined = path; next !== undefined && answers.length < 100;) {
    const answer: Answer = await client.get(next);
    expect(answer.status).toBe(200);
    answers.push(answer);
    next = nextOf(answer);
  }
  return { pages: answers.map(listOf), answers };
}

describe('lists', () => {
  let registry: RunningRegistry;

  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.close());

  describe('of tags', () => {
    const name = 'tags/app';
    const tags = ['Beta', '_x', 'a', 'a-1', 'a.1', 'a1', 'aa', 'latest', 'v1', 'v1.0', 'v10', 'v2', 'Z'];
    const inOrder = tags.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    let client: Client;
    let pushed: PushedArtifact;

    beforeAll(async () => {
      await aProject(registry.test.database, { name: 'tags' });
      client = await Client.as(registry, admin, name, 'tags/bare', 'tags/none');
      pushed = await client.anArtifact(name, '');
      for (const tag of tags) await client.putManifest(name, tag, pushed.payload);
    });

    it('are whole and in byte order', async () => {
      const answer = await client.get(`${name}/tags/list`);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(listOf(answer)).toEqual({ name, tags: inOrder });
      expect(nextOf(answer)).toBeUndefined();
      const head = await client.head(`${name}/tags/list`);
      expect([head.status, head.headers['content-length']]).toEqual([200, answer.headers['content-length']]);
    });

    it('come in pages of any size, each tag once', async () => {
      for (const size of [1, 2, 5, inOrder.length - 1, inOrder.length, 100]) {
        const { pages } = await allPages(client, `${name}/tags/list?n=${size}`);
        expect(pages.flatMap((page) => page.tags ?? [])).toEqual(inOrder);
        expect(pages).toHaveLength(Math.ceil(inOrder.length / size));
      }
    });

    it('begin after whatever name is given, be it a tag or not', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.toWellFormed()),
          async (last) => {
            const answer = await client.get(`${name}/tags/list?last=${encodeURIComponent(last)}`);
            expect(answer.status).toBe(200);
            const after = inOrder.filter(
              (tag) => Buffer.compare(Buffer.from(tag), Buffer.from(last.replaceAll('\0', '\ufffd'))) > 0,
            );
            expect(listOf(answer).tags).toEqual(after);
          },
        ),
        { numRuns: 100, examples: [['v1'], ['\0'], ['a\0'], ['']] },
      );
    });

    it('are empty when none are asked for', async () => {
      const answer = await client.get(`${name}/tags/list?n=0`);
      expect(listOf(answer).tags).toEqual([]);
      expect(nextOf(answer)).toBeUndefined();
    });

    it('are empty in a repository without tags, and 404 in one without anything', async () => {
      await client.anArtifact('tags/bare', '');
      expect(listOf(await client.get('tags/bare/tags/list'))).toEqual({ name: 'tags/bare', tags: [] });
      const none = await client.get('tags/none/tags/list');
      expect([none.status, errorOf(none).code]).toEqual([404, 'NAME_UNKNOWN']);
    });

    it.each(['-1', 'abc', '1.5', '1e3', '10001', '99999999999999999999', ''])('refuse n=%s', async (size) => {
      for (const path of [`${name}/tags/list`, '_catalog', `${name}/referrers/${pushed.digest}`]) {
        const answer = await client.get(`${path}?n=${size}`);
        expect([answer.status, errorOf(answer).code]).toEqual([400, 'PAGINATION_NUMBER_INVALID']);
      }
    });
  });

  describe('of repositories', () => {
    beforeAll(async () => {
      const { database } = registry.test;
      const user = await aUser(database, { username: 'lister' });
      await aProject(database, { name: 'listed', members: [[user, 3]] });
      await aProject(database, { name: 'shown', public: true });
      await aProject(database, { name: 'unseen' });
      const names = ['listed/b', 'listed/a', 'listed/b-1', 'shown/x', 'unseen/y'];
      const all = await Client.as(registry, admin, ...names, 'listed/blobs-only');
      for (const each of names) await all.anArtifact(each, 'v1');
      await all.aBlob('listed/blobs-only');
    });

    async function catalogOf(client: Client, query = ''): Promise<readonly string[]> {
      const { pages } = await allPages(client, `_catalog${query}`);
      return pages.flatMap((page) => page.repositories ?? []);
    }

    it('show the administrator everything that was pushed, in byte order', async () => {
      const token = await registry.token(admin, 'registry:catalog:*');
      const all = await catalogOf(new Client(registry.url, `Bearer ${token}`));
      expect(all).toEqual(all.toSorted());
      expect(all).toEqual(expect.arrayContaining(['listed/a', 'listed/b', 'shown/x', 'unseen/y']));
      expect(all).not.toContain('listed/blobs-only');
      expect(await catalogOf(new Client(registry.url, `Bearer ${token}`), '?n=2')).toEqual(all);
    });

    it('show others what they may pull', async () => {
      const login = { username: 'lister', password };
      const basic = new Client(registry.url, `Basic ${Buffer.from(`lister:${password}`).toString('base64')}`);
      const bearer = new Client(registry.url, `Bearer ${await registry.token(login, 'registry:catalog:*')}`);
      for (const client of [basic, bearer]) {
        expect(await catalogOf(client)).toEqual(['listed/a', 'listed/b', 'listed/b-1', 'shown/x']);
      }
    });

    it('are shown no longer once a robot is disabled', async () => {
      const { database } = registry.test;
      const { id: projectId } = await aProject(database, { name: 'machines' });
      const project = { id: projectId, permissions: ['repository:pull'] as const };
      const robot = await aRobot(database, { name: 'lister', projectId, project });
      const login = { username: 'robot$machines+lister', password: robot.secret };
      const client = new Client(registry.url, `Bearer ${await registry.token(login, 'registry:catalog:*')}`);
      expect((await client.get('_catalog')).status).toBe(200);
      await database.query('UPDATE robot SET disabled = true WHERE id = $1', [robot.id]);
      const answer = await client.get('_catalog');
      expect([answer.status, errorOf(answer).code]).toEqual([401, 'UNAUTHORIZED']);
    });

    it('challenge whoever does not log in', async () => {
      const answer = await new Client(registry.url).get('_catalog');
      expect([answer.status, errorOf(answer).code]).toEqual([401, 'UNAUTHORIZED']);
      expect(answer.headers['www-authenticate']).toContain('scope="registry:catalog:*"');
    });
  });

  describe('of referrers', () => {
    const name = 'referrers/app';
    const sbom = 'application/vnd.example.sbom';
    const signature = 'application/vnd.example.signature+json; v="1"';
    let client: Client;
    let subject: PushedArtifact;
    let referrers: PushedArtifact[];

    beforeAll(async () => {
      await aProject(registry.test.database, { name: 'referrers' });
      client = await Client.as(registry, admin, name, 'referrers/other', 'referrers/none');
      subject = await client.anArtifact(name, 'subject');
      referrers = [];
      for (let index = 0; index < 5; index++) {
        referrers.push(
          await client.anArtifact(name, '', {
            subject: subject.descriptor,
            artifactType: index % 2 === 0 ? sbom : 'application/vnd.example.other',
            annotations: { index: String(index) },
          }),
        );
      }
    });

    const path = (digest: string, query = ''): string => `${name}/referrers/${digest}${query}`;

    it('hold the descriptors of what names the subject, as an index', async () => {
      const answer = await client.get(path(subject.digest));
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe(indexType);
      expect(answer.headers['oci-filters-applied']).toBeUndefined();
      expect(listOf(answer)).toEqual({
        schemaVersion: 2,
        mediaType: indexType,
        manifests: referrers.map(({ descriptor }, index) => ({
          ...descriptor,
          artifactType: index % 2 === 0 ? sbom : 'application/vnd.example.other',
          annotations: { index: String(index) },
        })),
      });
      expect((await client.head(path(subject.digest))).headers['content-length']).toBe(
        answer.headers['content-length'],
      );
    });

    it('are filtered by artifactType', async () => {
      const answer = await client.get(path(subject.digest, `?artifactType=${sbom}`));
      expect(answer.headers['oci-filters-applied']).toBe('artifactType');
      expect(listOf(answer).manifests?.map((each) => each.annotations?.['index'])).toEqual(['0', '2', '4']);
      for (const type of [signature, '', '\0', `${sbom}\0`]) {
        const none = await client.get(path(subject.digest, `?artifactType=${encodeURIComponent(type)}`));
        expect([none.status, listOf(none).manifests]).toEqual([200, []]);
      }
    });

    it('come in pages, filtered or not', async () => {
      const all = await allPages(client, path(subject.digest, '?n=2'));
      expect(all.pages.map((page) => page.manifests?.length)).toEqual([2, 2, 1]);
      expect(all.pages.flatMap((page) => page.manifests?.map((each) => each.digest))).toEqual(
        referrers.map((each) => each.digest),
      );
      const filtered = await allPages(client, path(subject.digest, `?artifactType=${sbom}&n=1`));
      expect(filtered.pages).toHaveLength(3);
      for (const answer of filtered.answers)
        expect(answer.headers['oci-filters-applied']).toBe('artifactType');
    });

    it('come in smaller pages when their annotations are large, and are whole all the same', async () => {
      const other = 'referrers/other';
      const large = await client.anArtifact(other, 'large');
      const annotations = { much: 'x'.repeat(3_000_000) };
      const pushed: PushedArtifact[] = [];
      for (let index = 0; index < 3; index++) {
        const more = { subject: large.descriptor, artifactType: `${sbom}.${index}`, annotations };
        pushed.push(await client.anArtifact(other, '', more));
      }
      const { pages } = await allPages(client, `${other}/referrers/${large.digest}`);
      expect(pages.map((page) => page.manifests?.length)).toEqual([2, 1]);
      expect(pages.flatMap((page) => page.manifests?.map((each) => each.digest))).toEqual(
        pushed.map((each) => each.digest),
      );
    });

    it('are none of a subject that nobody names, of one that is not there, and of an empty repository', async () => {
      for (const where of [
        path(referrers[0]?.digest ?? ''),
        path(digestOf('nothing')),
        `referrers/none/referrers/${subject.digest}`,
      ]) {
        const answer = await client.get(where);
        expect([answer.status, listOf(answer).manifests]).toEqual([200, []]);
      }
    });

    it('are told to whoever pushes one, before its subject is there, too', async () => {
      const absent = { mediaType: manifestType, digest: digestOf(someBytes()), size: 5 };
      const config = await client.aBlob(name, '{}', 'application/vnd.oci.empty.v1+json');
      const document = { schemaVersion: 2, mediaType: manifestType, config, layers: [], subject: absent };
      const answer = await client.putManifest(name, 'early', document);
      expect([answer.status, answer.headers['oci-subject']]).toEqual([201, absent.digest]);
      expect(listOf(await client.get(path(absent.digest))).manifests).toHaveLength(1);
    });

    it('take the type of the config where no artifactType is named, and may be indexes', async () => {
      const { digest, descriptor } = await client.anArtifact(name, '');
      const config = await client.aBlob(name, '{"x":1}', 'application/vnd.example.config');
      await client.putManifest(name, 'typed', {
        schemaVersion: 2,
        mediaType: manifestType,
        config,
        layers: [],
        subject: descriptor,
      });
      await client.putManifest(name, 'index', {
        schemaVersion: 2,
        mediaType: indexType,
        manifests: [],
        subject: descriptor,
        artifactType: sbom,
      });
      const found = listOf(await client.get(path(digest))).manifests ?? [];
      expect(found.map(({ mediaType, artifactType }) => [mediaType, artifactType])).toEqual([
        [manifestType, 'application/vnd.example.config'],
        [indexType, sbom],
      ]);
    });

    it('are gone with the referrer, not with the subject, and are those of one repository', async () => {
      const { digest, descriptor } = await client.anArtifact(name, '');
      const referrer = await client.anArtifact(name, '', { subject: descriptor });
      await client.anArtifact('referrers/other', '', { subject: descriptor });
      await client.delete(`${name}/manifests/${digest}`);
      expect(listOf(await client.get(path(digest))).manifests).toHaveLength(1);
      await client.delete(`${name}/manifests/${referrer.digest}`);
      expect(listOf(await client.get(path(digest))).manifests).toEqual([]);
    });
  });
});
