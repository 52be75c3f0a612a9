import { parseListQuery, type RawListQuery } from '@entrepot/api-contract/list-query';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { isAppError } from '@entrepot/errors/app-error';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findArtifactRow, listArtifactRows, type ArtifactRow } from './list-artifacts.ts';
import type { ListPage } from './list-page.ts';
import type { ManifestRecord } from './manifest-record.ts';
import { aDigest, ContentBuilder, repositoryName, tagName, testOrigin } from './testing/content-builder.ts';

const name = repositoryName('lists/app');

describe('lists of artifacts', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let project: number;
  let repositoryId: number;

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    project = await build.aProject('lists');
    for (let index = 0; index < 7; index++) {
      const type = index % 2 === 0 ? 'IMAGE' : 'CHART';
      const tags = index % 3 === 0 ? [] : [tagName(`v${index}`), tagName(`also_${index}`)];
      await record({
        type,
        tags,
        totalSize: 100 * index,
        payload: payloadOf(`application/config.${index % 2}`),
      });
    }
    repositoryId = await build.repositoryId(name);
  });
  afterAll(() => test.close());

  // a member that no number of the database holds, as only hostile clients send it
  function payloadOf(configType: string): Buffer {
    return Buffer.from(
      `{"config":{"mediaType":"${configType}"},"x":[1e999999,1e-999999],"y":${Math.random()}}`,
    );
  }

  async function record(more: Partial<ManifestRecord>): Promise<ManifestRecord> {
    const digest = more.payload === undefined ? aDigest() : aDigest(more.payload);
    const manifest = build.aManifest(project, name, { digest, ...more });
    await build.manifests.record(manifest, testOrigin);
    return manifest;
  }

  async function list(query: RawListQuery): Promise<ListPage<ArtifactRow>> {
    const scope = { where: 'm.repository_id = $1', values: [repositoryId] };
    return await listArtifactRows(test.database, scope, parseListQuery(query), {
      tags: true,
      accessories: true,
    });
  }

  it('leave out what is too large for a page of a hundred, which the artifact itself shows', async () => {
    const where = repositoryName('lists/large');
    const large = { text: 'x'.repeat(65_536) };
    const described = [
      { annotations: large, facts: { small: true } },
      { annotations: { small: 'yes' }, facts: large },
    ];
    const manifests = described.map((each) => build.aManifest(project, where, each));
    for (const manifest of manifests) await build.manifests.record(manifest, testOrigin);
    const id = await build.repositoryId(where);
    const scope = { where: 'm.repository_id = $1', values: [id] };
    const parts = { tags: false, accessories: false };
    const { rows } = await listArtifactRows(test.database, scope, parseListQuery({ sort: 'id' }), parts);
    expect(rows.map(({ annotations, facts }) => ({ annotations, facts }))).toEqual([
      { annotations: null, facts: { small: true } },
      { annotations: { small: 'yes' }, facts: null },
    ]);
    const digest = manifests[0]?.digest ?? aDigest();
    const one = await findArtifactRow(test.database, id, { digest, tag: undefined }, parts);
    expect(one?.annotations).toEqual(large);
  });

  async function sizesOf(q: string): Promise<number[]> {
    const { rows, total } = await list({ q, page_size: 0, sort: 'size' });
    expect(total).toBe(rows.length);
    return rows.map((row) => row.total_size);
  }

  it.each([
    ['', [0, 100, 200, 300, 400, 500, 600]],
    ['type=CHART', [100, 300, 500]],
    ['type=~ima', [0, 200, 400, 600]],
    ['size=[200~400]', [200, 300, 400]],
    ['size=[~100]', [0, 100]],
    ['size=[500~]', [500, 600]],
    ['size={100 600}', [100, 600]],
    ['tags=v4', [400]],
    ['tags=~ALSO', [100, 200, 400, 500]],
    ['tags=~also%', []],
    ['tags=*', [100, 200, 400, 500]],
    ['tags=nil', [0, 300, 600]],
    ['media_type=application/config.1', [100, 300, 500]],
    ['labels=(1 2)', []],
    ['unknown=1', [0, 100, 200, 300, 400, 500, 600]],
    ['type=CHART,size=[200~]', [300, 500]],
    ['push_time=[2000-01-01 00:00:00~2001-01-01]', []],
  ])('hold what q=%s asks for', async (q, sizes) => {
    expect(await sizesOf(q)).toEqual(sizes);
  });

  it.each([
    'size=x',
    'size=1.5',
    'push_time=[yesterday~]',
    'tags=[a~b]',
    'repository_id=99999999999999999999',
  ])('refuse a value that the member cannot have: q=%s', async (q) => {
    await expect(list({ q })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('never fail otherwise, whatever q and sort are', async () => {
    const key = fc.constantFrom(
      'id',
      'type',
      'tags',
      'labels',
      'base',
      'digest',
      'media_type',
      'size',
      'push_time',
      'pull_time',
      'artifact_type',
      'x',
    );
    const value = fc.oneof(
      fc.constantFrom(
        '*',
        'nil',
        '1',
        '~',
        '[~]',
        '{}',
        '()',
        '{a b}',
        '(a b)',
        '[1~2]',
        "'",
        '%',
        '_',
        '\\',
        '~%',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.toWellFormed()),
    );
    const q = fc
      .array(fc.tuple(key, value), { maxLength: 3 })
      .map((terms) => terms.map((term) => term.join('=')).join(','));
    const sort = fc
      .array(fc.tuple(fc.constantFrom('', '-'), key), { maxLength: 2 })
      .map((keys) => keys.map((each) => each.join('')).join(','));
    await fc.assert(
      fc.asyncProperty(q, sort, fc.integer({ min: -1, max: 9 }), async (terms, order, page) => {
        try {
          const found = await list({ q: terms, sort: order, page, page_size: 3 });
          expect(found.rows.length).toBeLessThanOrEqual(3);
        } catch (error) {
          if (!isAppError(error, 'BAD_REQUEST')) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('come in pages that make up the whole, newest first, with the number of all', async () => {
    for (const size of [1, 2, 3, 7, 8]) {
      const pages = [];
      for (let page = 1; page <= Math.ceil(7 / size) + 1; page++)
        pages.push(await list({ page, page_size: size }));
      expect(pages.flatMap(({ rows }) => rows.map((row) => row.total_size))).toEqual([
        600, 500, 400, 300, 200, 100, 0,
      ]);
      expect(new Set(pages.map(({ total }) => total))).toEqual(new Set([7]));
    }
  });

  it('take two statements at most, however many rows they hold', async () => {
    const query = vi.spyOn(test.database, 'query');
    await list({ page_size: 100 });
    expect(query).toHaveBeenCalledTimes(1);
    await list({ page_size: 2, q: 'tags=*' });
    expect(query).toHaveBeenCalledTimes(3);
  });

  it('leave out untagged children and accessories, unless asked for all', async () => {
    const child = await record({ totalSize: 7000 });
    const tagged = await record({ totalSize: 7001, tags: [tagName('child')] });
    const index = await record({ totalSize: 7002, children: [child.digest, tagged.digest] });
    const accessory = await record({
      totalSize: 7003,
      subject: index.digest,
      accessoryType: 'signature.cosign',
    });
    const deleted = await record({ totalSize: 7004 });
    await build.manifests.delete(repositoryId, deleted.digest, testOrigin);
    const total = 7002 + 7000 + 7001;
    expect(await sizesOf('size=[7000~]')).toEqual([7001, total]);
    expect(await sizesOf('size=[7000~],base=*')).toEqual([7000, 7001, 7003, total]);
    const [row] = (await list({ q: `digest=${index.digest}` })).rows;
    expect(Object.keys(row?.children ?? {})).toHaveLength(2);
    expect(row?.accessories?.map(({ type, size }) => [type, size])).toEqual([['signature.cosign', 7003]]);
    expect((await list({ q: `digest=${accessory.digest}` })).rows).toEqual([]);
  });
});
