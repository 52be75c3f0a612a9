import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aProject, aUser, password } from '@entrepot/access/testing';
import type { ManifestRecord } from '@entrepot/catalog/manifest-record';
import {
  aDigest,
  ContentBuilder,
  repositoryName,
  tagName,
  testOrigin,
} from '@entrepot/catalog/testing/content-builder';
import { nobody, startTestCore, type As, type TestAnswer, type TestCore } from './test-core.ts';

const dev: As = ['dev', password];
const guest: As = ['guest', password];
const team = '/api/v2.0/projects/team/repositories';
const config = 'application/vnd.oci.image.config.v1+json';
let core: TestCore;
let content: ContentBuilder;
let projectId: number;

beforeAll(async () => {
  core = await startTestCore();
  const devUser = await aUser(core.database, { username: 'dev' });
  const guestUser = await aUser(core.database, { username: 'guest' });
  const members = [
    [devUser, 4],
    [guestUser, 5],
  ] as const;
  projectId = (await aProject(core.database, { name: 'team', members })).id;
  content = new ContentBuilder(core.database);
});
afterAll(() => core.close());

/** Records an artifact whose payload is real JSON; its digest. */
async function push(
  name: string,
  more: Partial<ManifestRecord> = {},
  document: Record<string, unknown> = {},
): Promise<string> {
  const json = { config: { mediaType: config }, salt: randomBytes(8).toString('hex'), ...document };
  const payload = Buffer.from(JSON.stringify(json));
  const manifest = content.aManifest(projectId, repositoryName(name), {
    payload,
    digest: aDigest(payload),
    ...more,
  });
  await content.manifests.record(manifest, testOrigin);
  return manifest.digest;
}

function get(path: string, as: As = dev): Promise<TestAnswer> {
  return core.send('GET', path, as);
}

describe('repositories', () => {
  it('are reached by a name encoded once or twice, and not unencoded', async () => {
    await push('team/deep/app', { tags: [tagName('v1')] });
    const once = await get(`${team}/deep%2Fapp`);
    const twice = await get(`${team}/deep%252Fapp`);
    expect(once).toMatchObject({
      status: 200,
      json: { name: 'team/deep/app', artifact_count: 1, pull_count: 0 },
    });
    expect(twice.json).toEqual(once.json);
    expect((await get(`${team}/deep/app`)).status).toBe(404);
    expect((await get(`${team}/deep%252Fapp/artifacts/v1`)).json.repository_name).toBe('team/deep/app');
    expect((await get(`${team}/deep%2Fapp/artifacts/v1/`)).json.repository_name).toBe('team/deep/app');
  });

  it('are listed of a project and of all, without those that were only uploaded to', async () => {
    await push('team/listed');
    await core.database.query(`INSERT INTO repository (project_id, name) VALUES ($1, 'team/unpushed')`, [
      projectId,
    ]);
    const answer = await get(`${team}?q=name%3D~listed`);
    expect(answer.json.map((each: { name: string }) => each.name)).toEqual(['team/listed']);
    expect(answer.headers['x-total-count']).toBe('1');
    expect((await get('/api/v2.0/repositories?q=name%3Dteam/listed')).json).toHaveLength(1);
    expect((await get('/api/v2.0/repositories', nobody)).json).toEqual([]);
    expect((await get(`${team}?sort=name&page_size=0`)).text).not.toContain('unpushed');
    expect((await get(`${team}/unpushed`)).status).toBe(404);
    expect((await get(team, nobody)).status).toBe(401);
  });

  it('are found by a blob that they hold', async () => {
    const digest = await content.aBlob(projectId, repositoryName('team/blobby'));
    await push('team/blobby', { blobs: [digest] });
    const answer = await get(`${team}?q=blob_digest%3D${encodeURIComponent(digest)}`);
    expect(answer.json.map((each: { name: string }) => each.name)).toEqual(['team/blobby']);
    expect((await get(`${team}?q=blob_digest%3Dnonsense`)).json).toEqual([]);
  });

  it('take a description', async () => {
    await push('team/described');
    const put = await core.send('PUT', `${team}/described`, dev, {
      body: { description: '<b>hi</b>', name: 'x' },
    });
    expect(put).toMatchObject({ status: 200, text: '' });
    expect((await get(`${team}/described`)).json).toMatchObject({
      name: 'team/described',
      description: '<b>hi</b>',
    });
    expect((await core.send('PUT', `${team}/described`, guest, { body: { description: 'x' } })).status).toBe(
      403,
    );
    expect((await core.send('PUT', `${team}/described`, dev)).status).toBe(422);
  });

  it('are gone at once when deleted, and 404 then', async () => {
    await push('team/gone', { tags: [tagName('v1')] });
    expect((await core.send('DELETE', `${team}/gone`, guest)).status).toBe(403);
    expect(await core.send('DELETE', `${team}/gone`, dev)).toMatchObject({ status: 200, text: '' });
    expect((await get(`${team}/gone`)).status).toBe(404);
    expect((await get(`${team}/gone/artifacts/v1`)).status).toBe(404);
    expect((await core.send('DELETE', `${team}/gone`, dev)).status).toBe(404);
  });
});

describe('artifacts', () => {
  it('are listed newest first with their tags, children and attachments left out', async () => {
    const child = await push('team/list', {}, { layers: [] });
    await push(
      'team/list',
      { tags: [tagName('index')], children: [child as never] },
      { manifests: [{ digest: child }] },
    );
    const image = await push('team/list', { tags: [tagName('v1'), tagName('latest')] });
    await push('team/list', { subject: image as never, accessoryType: 'signature.cosign' });
    const answer = await get(`${team}/list/artifacts?with_accessory=true`);
    expect(answer.headers['x-total-count']).toBe('2');
    const [first, second] = answer.json;
    expect(first).toMatchObject({ digest: image, type: 'IMAGE', media_type: config, project_id: projectId });
    expect(first.tags.map((tag: { name: string }) => tag.name).toSorted()).toEqual(['latest', 'v1']);
    expect(first.accessories).toMatchObject([{ type: 'signature.cosign', subject_artifact_digest: image }]);
    expect(second.references).toMatchObject([{ child_digest: child }]);
    expect(second.references[0].child_id).toBeTypeOf('number');
    expect((await get(`${team}/list/artifacts?q=base%3D*`)).json).toHaveLength(4);
    expect((await get(`${team}/list/artifacts?with_tag=false`)).json[0].tags).toBeNull();
    expect((await get(`${team}/list`)).json.artifact_count).toBe(2);
  });

  it('are filtered by tag, digest, type and media type', async () => {
    await push('team/filter', { tags: [tagName('v1')] });
    const untagged = await push(
      'team/filter',
      { type: 'CHART' },
      { config: { mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
    );
    const count = async (q: string) =>
      (await get(`${team}/filter/artifacts?q=${encodeURIComponent(q)}`)).json.length;
    expect(await count('tags=*')).toBe(1);
    expect(await count('tags=nil')).toBe(1);
    expect(await count('tags=v1')).toBe(1);
    expect(await count('tags=~V')).toBe(1);
    expect(await count('tags={v1 v2}')).toBe(1);
    expect(await count('tags=v2')).toBe(0);
    expect(await count(`digest=${untagged}`)).toBe(1);
    expect(await count('digest=nonsense')).toBe(0);
    expect(await count('type=CHART')).toBe(1);
    expect(await count('media_type=application/vnd.cncf.helm.config.v1+json')).toBe(1);
    expect(await count('labels=(1 2)')).toBe(0);
    expect((await get(`${team}/filter/artifacts?q=tags%3D[a~b]`)).status).toBe(400);
  });

  it('are got by tag and by digest', async () => {
    const facts = { architecture: 'arm64', os: 'linux' };
    const digest = await push('team/get', {
      tags: [tagName('v1')],
      facts,
      annotations: { a: 'b' },
      totalSize: 42,
    });
    const byTag = await get(`${team}/get/artifacts/v1`);
    expect(byTag.json).toMatchObject({
      digest,
      size: 42,
      extra_attrs: facts,
      annotations: { a: 'b' },
      labels: null,
    });
    expect(byTag.json.pull_time).toBe('0001-01-01T00:00:00.000Z');
    expect((await get(`${team}/get/artifacts/${digest}`)).json).toEqual(byTag.json);
    expect((await get(`${team}/get/artifacts/${encodeURIComponent(digest)}`)).json).toEqual(byTag.json);
    for (const reference of ['v2', 'sha256:abc', '-', 'a%2520b']) {
      expect((await get(`${team}/get/artifacts/${reference}`)).status).toBe(404);
    }
  });

  it('are listed across a project, the newest of each repository alone where asked', async () => {
    await push('team/across', { type: 'WASM' });
    const newest = await push('team/across', { type: 'WASM', artifactType: 'application/x' });
    const at = '/api/v2.0/projects/team/artifacts';
    expect((await get(`${at}?q=type%3DWASM`)).json).toHaveLength(2);
    const latest = await get(`${at}?latest_in_repository=true&q=artifact_type%3Dapplication/x`);
    expect(latest.json.map((each: { digest: string }) => each.digest)).toEqual([newest]);
    expect((await get(`${at}?latest_in_repository=true`)).status).toBe(400);
  });

  it('are deleted with their tags and attachments, but not out of an index', async () => {
    const image = await push('team/delete', { tags: [tagName('v1')] });
    const signature = await push('team/delete', {
      subject: image as never,
      accessoryType: 'signature.cosign',
    });
    const index = await push(
      'team/delete',
      { children: [image as never] },
      { manifests: [{ digest: image }] },
    );
    const at = `${team}/delete/artifacts`;
    expect(await core.send('DELETE', `${at}/v1`, dev)).toMatchObject({
      status: 412,
      json: { errors: [{ code: 'PRECONDITION' }] },
    });
    expect((await get(`${at}/${signature}`)).status).toBe(200);
    expect((await core.send('DELETE', `${at}/${index}`, guest)).status).toBe(403);
    expect((await core.send('DELETE', `${at}/${index}`, dev)).status).toBe(200);
    expect(await core.send('DELETE', `${at}/v1`, dev)).toMatchObject({ status: 200, text: '' });
    for (const reference of ['v1', image, signature])
      expect((await get(`${at}/${reference}`)).status).toBe(404);
    expect((await core.send('DELETE', `${at}/v1`, dev)).status).toBe(404);
  });

  it('list what is attached to them', async () => {
    const image = await push('team/signed', { tags: [tagName('v1')] });
    const signature = await push('team/signed', {
      subject: image as never,
      accessoryType: 'signature.cosign',
    });
    const answer = await get(`${team}/signed/artifacts/v1/accessories`);
    expect(answer.json).toMatchObject([
      { digest: signature, type: 'signature.cosign', subject_artifact_repo: 'team/signed' },
    ]);
    expect((await get(`${team}/signed/artifacts/v1/accessories?q=type%3Dsbom.harbor`)).json).toEqual([]);
  });

  it('with text that is no manifest are still listed', async () => {
    const payload = randomBytes(64);
    await push('team/odd', { payload, digest: aDigest(payload), tags: [tagName('odd')] });
    expect((await get(`${team}/odd/artifacts`)).json).toMatchObject([{ references: null }]);
  });
});

describe('tags', () => {
  const at = `${team}/tags/artifacts`;

  it('are created once, listed and deleted, and the artifact stays', async () => {
    const digest = await push('team/tags', { tags: [tagName('v1')] });
    await push('team/tags', { tags: [tagName('other')] });
    const create = (reference: string, name: unknown) =>
      core.send('POST', `${at}/${reference}/tags`, dev, { body: { name } });
    const made = await create('v1', 'stable');
    expect(made).toMatchObject({ status: 201, text: '' });
    expect(made.headers.location).toBe('/api/v2.0/projects/team/repositories/tags/artifacts/v1/tags/stable');
    expect((await create('v1', 'stable')).status).toBe(409);
    expect((await create('other', 'stable')).status).toBe(409);
    expect((await create('v1', '.bad')).status).toBe(400);
    expect((await create('v1', 7)).status).toBe(422);
    expect((await create('v9', 'new')).status).toBe(404);
    const listed = await get(`${at}/${digest}/tags?sort=name`);
    expect(listed.json.map((tag: { name: string }) => tag.name)).toEqual(['stable', 'v1']);
    expect(listed.json[0]).toMatchObject({ immutable: false, pull_time: '0001-01-01T00:00:00.000Z' });
    expect((await core.send('DELETE', `${at}/other/tags/stable`, dev)).status).toBe(404);
    expect(await core.send('DELETE', `${at}/v1/tags/stable`, dev)).toMatchObject({ status: 200, text: '' });
    expect((await core.send('DELETE', `${at}/v1/tags/stable`, dev)).status).toBe(404);
    expect((await get(`${at}/${digest}`)).status).toBe(200);
    expect((await core.send('POST', `${at}/v1/tags`, guest, { body: { name: 'x' } })).status).toBe(403);
  });

  it('created by two at once are made by one of them', async () => {
    await push('team/race', { tags: [tagName('v1')] });
    const create = () => core.send('POST', `${team}/race/artifacts/v1/tags`, dev, { body: { name: 'once' } });
    const statuses = (await Promise.all(Array.from({ length: 6 }, create))).map((answer) => answer.status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409, 409, 409]);
  });
});
