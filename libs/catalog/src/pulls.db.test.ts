import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PullCounter } from './pulls.ts';
import { ContentBuilder, repositoryName, tagName, testOrigin } from './testing/content-builder.ts';

describe('PullCounter', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  it('adds up pulls by tag and by digest, and forgets what was deleted meanwhile', async () => {
    const build = new ContentBuilder(test.database);
    const project = await build.aProject('pulled');
    const name = repositoryName('pulled/one');
    const tag = tagName('v1');
    const id = await build.manifests.record(build.aManifest(project, name, { tags: [tag] }), testOrigin);
    const repositoryId = await build.repositoryId(name);
    const pulls = new PullCounter(test.database, () => expect.unreachable());
    for (let count = 0; count < 3; count++) pulls.add(repositoryId, id, tag);
    pulls.add(repositoryId, id, undefined);
    pulls.add(repositoryId, id + 1_000_000, tagName('gone'));
    await pulls.flush();
    pulls.add(repositoryId, id, tag);
    await pulls.flush();

    const rows = await test.database.query<{
      pull_count: number;
      total: number;
      tagged: number;
      reviews: number;
    }>(
      `SELECT p.pull_count, (SELECT pull_count FROM repository WHERE id = $1) AS total,
         (SELECT count(*) FROM tag_pull) AS tagged,
         (SELECT count(*) FROM manifest_review WHERE reason = 'untagged') AS reviews
       FROM manifest_pull p WHERE p.manifest_id = $2`,
      [repositoryId, id],
    );
    expect(rows).toEqual([{ pull_count: 5, total: 6, tagged: 1, reviews: 0 }]);
  });

  it('takes repositories in the order of their ids, whatever order they were pulled in', async () => {
    const build = new ContentBuilder(test.database);
    const project = await build.aProject('ordered');
    const names = [repositoryName('ordered/first'), repositoryName('ordered/second')];
    const pulls = new PullCounter(test.database, () => expect.unreachable());
    const ids: number[] = [];
    for (const name of names) {
      await build.manifests.record(build.aManifest(project, name), testOrigin);
      ids.push(await build.repositoryId(name));
    }
    for (const id of ids.toReversed()) pulls.add(id, 1_000_000, undefined);
    const [one, two] = [await test.session(), await test.session()];
    const lock = 'SELECT 1 FROM repository WHERE id = $1 FOR NO KEY UPDATE';
    await one.query('BEGIN');
    await one.query(lock, [ids[0]]);
    const flushed = pulls.flush();
    await sleep(200);
    const free = await two.query(`${lock} NOWAIT`, [ids[1]]);
    expect(free.rowCount).toBe(1);
    await one.query('COMMIT');
    await flushed;
  });

  it('tells how many pulls are lost when the database is away', async () => {
    const away = await Database.connect({ connection: test.connection, poolSize: 1 });
    await away.close();
    const lost: number[] = [];
    const pulls = new PullCounter(away, (count) => void lost.push(count));
    pulls.add(1, 1, undefined);
    pulls.add(1, 1, undefined);
    pulls.add(1, 2, undefined);
    await pulls.flush();
    expect(lost).toEqual([3]);
  });
});
