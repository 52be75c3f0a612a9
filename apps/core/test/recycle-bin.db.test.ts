import { randomBytes } from 'node:crypto';
import { aProject, aUser, password } from '@entrepot/access/testing';
import {
  aDigest,
  ContentBuilder,
  repositoryName,
  tagName,
  testOrigin,
} from '@entrepot/catalog/testing/content-builder';
import { mediaTypes } from '@entrepot/oci/media-type';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestCore, type As, type TestCore } from './test-core.ts';

const maintainer: As = ['maintainer', password];
const guest: As = ['guest', password];
const repository = '/api/v2.0/projects/team/repositories/app';

describe('the recycle bin', () => {
  let core: TestCore;
  let content: ContentBuilder;
  let projectId: number;

  beforeAll(async () => {
    core = await startTestCore();
    const members = [
      [await aUser(core.database, { username: 'maintainer' }), 4],
      [await aUser(core.database, { username: 'guest' }), 3],
    ] as const;
    projectId = (await aProject(core.database, { name: 'team', members })).id;
    content = new ContentBuilder(core.database);
  });
  afterAll(() => core.close());

  async function push(tags: readonly string[], subject?: string): Promise<string> {
    const name = repositoryName('team/app');
    const config = await content.aBlob(projectId, name);
    const payload = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: { mediaType: mediaTypes.ociConfig, digest: config, size: 100 },
        layers: [],
        annotations: { salt: randomBytes(8).toString('hex') },
        ...(subject === undefined
          ? {}
          : { subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: 9 } }),
      }),
    );
    const digest = aDigest(payload);
    const more = {
      payload,
      digest,
      mediaType: mediaTypes.ociManifest,
      blobs: [config],
      tags: tags.map(tagName),
      ...(subject === undefined ? {} : { subject: subject as typeof digest, accessoryType: 'sbom.harbor' }),
    };
    await content.manifests.record(content.aManifest(projectId, name, more), testOrigin);
    return digest;
  }

  const listDeleted = (as = maintainer) => core.send('GET', `${repository}/deleted-artifacts`, as);
  const restore = (digest: string, as = maintainer) =>
    core.send('POST', `${repository}/deleted-artifacts/${digest}/restore`, as);

  it('lists what was deleted, and brings it back with its tags and what was attached to it', async () => {
    const digest = await push(['v1', 'latest']);
    const accessory = await push([], digest);
    await core.send('DELETE', `${repository}/artifacts/${digest}`, maintainer);
    expect((await core.send('GET', `${repository}/artifacts/v1`, maintainer)).status).toBe(404);
    const listed = await listDeleted();
    expect(listed.headers['x-total-count']).toBe('2');
    expect(listed.json).toContainEqual(expect.objectContaining({ digest, tags: ['latest', 'v1'] }));

    const restored = await restore(digest);
    expect(restored).toMatchObject({ status: 200, json: { digests: [digest, accessory] } });
    const artifact = await core.send('GET', `${repository}/artifacts/v1?with_accessory=true`, maintainer);
    expect(artifact.json).toMatchObject({ digest, accessories: [{ digest: accessory }] });
    expect((await listDeleted()).json).toEqual([]);
    expect((await restore(digest)).status).toBe(404);
  });

  it('leaves a tag where it has gone meanwhile', async () => {
    const old = await push(['moving']);
    await core.send('DELETE', `${repository}/artifacts/${old}`, maintainer);
    const fresh = await push(['moving']);
    expect((await restore(old)).status).toBe(200);
    expect((await core.send('GET', `${repository}/artifacts/moving`, maintainer)).json.digest).toBe(fresh);
    expect((await core.send('GET', `${repository}/artifacts/${old}`, maintainer)).json.tags).toBeNull();
  });

  it('is listed by those who may list artifacts, and emptied by those who may push', async () => {
    const digest = await push([]);
    await core.send('DELETE', `${repository}/artifacts/${digest}`, maintainer);
    expect((await listDeleted(guest)).status).toBe(200);
    expect((await restore(digest, guest)).status).toBe(403);
    expect((await restore('sha256:nonsense')).status).toBe(400);
    expect((await restore(aDigest())).json.errors[0].message).toContain('not in the recycle bin');
    const audit = await core.database.query(
      `SELECT 1 FROM audit_log WHERE operation = 'create' AND resource_type = 'artifact' AND actor = 'maintainer'`,
    );
    await restore(digest);
    const after = await core.database.query(
      `SELECT 1 FROM audit_log WHERE operation = 'create' AND resource_type = 'artifact' AND actor = 'maintainer'`,
    );
    expect(after.length).toBe(audit.length + 1);
  });
});
