import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDistributionRoute, type DistributionRoute } from './distribution-route.ts';
import { formatReference } from './reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const sha512 = `sha512:${'b'.repeat(128)}`;

type NamedRoute = Exclude<DistributionRoute, { kind: 'base' | 'catalog' | 'unknown' | 'invalid' }>;

function formatRoute(route: NamedRoute): string {
  const prefix = `/v2/${route.name}`;
  switch (route.kind) {
    case 'tags':
      return `${prefix}/tags/list`;
    case 'manifest':
      return `${prefix}/manifests/${formatReference(route.reference)}`;
    case 'blob':
      return `${prefix}/blobs/${route.digest}`;
    case 'uploads':
      return `${prefix}/blobs/uploads/`;
    case 'upload':
      return `${prefix}/blobs/uploads/${route.id}`;
    case 'referrers':
      return `${prefix}/referrers/${route.digest}`;
  }
}

describe('an endpoint', () => {
  it.each<[string, object]>([
    ['/v2', { kind: 'base' }],
    ['/v2/', { kind: 'base' }],
    ['/v2/_catalog', { kind: 'catalog' }],
    ['/v2/a/tags/list', { kind: 'tags', name: 'a' }],
    ['/v2/a/b/c/tags/list', { kind: 'tags', name: 'a/b/c' }],
    ['/v2/a/manifests/latest', { kind: 'manifest', name: 'a', reference: { tag: 'latest' } }],
    [`/v2/a/manifests/${sha512}`, { kind: 'manifest', name: 'a', reference: { digest: sha512 } }],
    [`/v2/a/blobs/${digest}`, { kind: 'blob', name: 'a', digest }],
    ['/v2/a/blobs/uploads', { kind: 'uploads', name: 'a' }],
    ['/v2/a/blobs/uploads/', { kind: 'uploads', name: 'a' }],
    ['/v2/a/blobs/uploads/x.Y-z_0', { kind: 'upload', name: 'a', id: 'x.Y-z_0' }],
    [`/v2/a/referrers/${digest}`, { kind: 'referrers', name: 'a', digest }],
  ])('is read from %s', (path, route) => {
    expect(parseDistributionRoute(path)).toEqual(route);
  });
});

describe('a name with segments that are also nouns', () => {
  it.each<[string, object]>([
    ['/v2/tags/list/tags/list', { kind: 'tags', name: 'tags/list' }],
    [
      '/v2/blobs/uploads/manifests/blobs',
      { kind: 'manifest', name: 'blobs/uploads', reference: { tag: 'blobs' } },
    ],
    ['/v2/a/manifests/tags/list', { kind: 'tags', name: 'a/manifests' }],
    ['/v2/a/manifests/manifests/x', { kind: 'manifest', name: 'a/manifests', reference: { tag: 'x' } }],
    ['/v2/a/blobs/uploads/blobs/uploads/', { kind: 'uploads', name: 'a/blobs/uploads' }],
    ['/v2/uploads/blobs/uploads/uploads', { kind: 'upload', name: 'uploads', id: 'uploads' }],
    [`/v2/a/blobs/blobs/${digest}`, { kind: 'blob', name: 'a/blobs', digest }],
    [`/v2/v2/referrers/referrers/${digest}`, { kind: 'referrers', name: 'v2/referrers', digest }],
  ])('is matched from the right: %s', (path, route) => {
    expect(parseDistributionRoute(path)).toEqual(route);
  });
});

describe('a path that is no endpoint', () => {
  it.each([
    '',
    '/',
    '/v1/',
    '/v2x/a/tags/list',
    'v2/a/tags/list',
    '//v2/a/tags/list',
    '/v2//',
    '/v2/a',
    '/v2/a/',
    '/v2/a/b',
    '/v2/_catalog/',
    '/v2/_catalog/x',
    '/v2/tags/list',
    '/v2//tags/list',
    '/v2/manifests/latest',
    '/v2//manifests/latest',
    '/v2/blobs/uploads/',
    '/v2/blobs/uploads/x',
    '/v2//blobs/uploads/',
    '/v2/a/uploads/',
    '/v2/long-name/uploads/',
    '/v2/a/b/other/uploads/x',
    '/v2/a/tags/',
    '/v2/a/tags/list/',
    '/v2/a/tags/other',
    '/v2/a/manifests/latest/',
    '/v2/a/manifests/latest/x',
    '/v2/a/blobs/uploads/x/y',
    '/v2/_oci/ext/discover',
    '/v2/a/_oci/ext',
  ])('is unknown: %j', (path) => {
    expect(parseDistributionRoute(path)).toEqual({ kind: 'unknown' });
  });
});

describe('a path that breaks the grammar', () => {
  it.each([
    ['/v2/A/tags/list', 'NAME_INVALID'],
    ['/v2/a//b/tags/list', 'NAME_INVALID'],
    ['/v2//a/tags/list', 'NAME_INVALID'],
    ['/v2/a//tags/list', 'NAME_INVALID'],
    ['/v2/a/../b/tags/list', 'NAME_INVALID'],
    ['/v2/../a/manifests/latest', 'NAME_INVALID'],
    ['/v2/./manifests/latest', 'NAME_INVALID'],
    ['/v2/a\0/manifests/latest', 'NAME_INVALID'],
    ['/v2/a\\b/manifests/latest', 'NAME_INVALID'],
    [`/v2/${'a'.repeat(256)}/manifests/latest`, 'NAME_INVALID'],
    [`/v2/${'a/'.repeat(2000)}manifests/latest`, 'NAME_INVALID'],
    ['/v2/_catalog/tags/list', 'NAME_INVALID'],
    ['/v2/a/manifests/', 'TAG_INVALID'],
    ['/v2/a/manifests/.x', 'TAG_INVALID'],
    ['/v2/a/manifests/..', 'TAG_INVALID'],
    ['/v2/a/manifests/a\0', 'TAG_INVALID'],
    [`/v2/a/manifests/${'a'.repeat(129)}`, 'TAG_INVALID'],
    ['/v2/a/manifests/sha256:abc', 'DIGEST_INVALID'],
    ['/v2/a/manifests/md5:abc', 'DIGEST_INVALID'],
    ['/v2/a/blobs/', 'DIGEST_INVALID'],
    ['/v2/a/blobs/latest', 'DIGEST_INVALID'],
    [`/v2/a/blobs/${digest.toUpperCase()}`, 'DIGEST_INVALID'],
    ['/v2/a/referrers/latest', 'DIGEST_INVALID'],
    ['/v2/a/blobs/uploads/..', 'UPLOAD_NOT_FOUND'],
    ['/v2/a/blobs/uploads/a b', 'UPLOAD_NOT_FOUND'],
    [`/v2/a/blobs/uploads/${'x'.repeat(513)}`, 'UPLOAD_NOT_FOUND'],
  ])('is invalid: %j', (path, code) => {
    expect(parseDistributionRoute(path)).toMatchObject({ kind: 'invalid', code });
  });

  it('says what an unsupported digest lacks', () => {
    const route = parseDistributionRoute('/v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e');
    expect(route).toMatchObject({ message: expect.stringContaining('unsupported algorithm') as string });
  });

  it('shows no more than the beginning of it, and nothing unprintable', () => {
    const route = parseDistributionRoute(`/v2/a/manifests/\u001b${'ä'.repeat(900)}`);
    expect(route).toMatchObject({
      kind: 'invalid',
      message: expect.stringMatching(/^[\x20-\x7e]{1,300}$/) as string,
    });
  });
});

describe('an escape', () => {
  it.each<[string, object]>([
    [`/v2/a/blobs/sha256%3A${'a'.repeat(64)}`, { kind: 'blob', name: 'a', digest }],
    [`/v2/a/blobs/sha256%3a${'a'.repeat(64)}`, { kind: 'blob', name: 'a', digest }],
    ['/v2/%61/manifests/v1%2E0', { kind: 'manifest', name: 'a', reference: { tag: 'v1.0' } }],
    ['/v2/a%2Db/tags/list', { kind: 'tags', name: 'a-b' }],
  ])('of a character in the grammar is read: %s', (path, route) => {
    expect(parseDistributionRoute(path)).toEqual(route);
  });

  it.each([
    '/v2/a%2Fb/tags/list',
    '/v2/a%2f/tags/list',
    '/v2/a%5Cb/tags/list',
    '/v2/a%00/tags/list',
    '/v2/a%252Fb/tags/list',
    '/v2/a%2561/tags/list',
    '/v2/a%/tags/list',
    '/v2/a%2/tags/list',
    '/v2/a%zz/tags/list',
    '/v2/a%C3%A4/tags/list',
    '/v2/%2e%2e/tags/list',
    '/v2/a/%2e%2e/tags/list',
    '/v2/a%7E/tags/list',
    '/v2/a%20/tags/list',
    '/v2/%41/tags/list',
  ])('of anything else is invalid: %s', (path) => {
    expect(parseDistributionRoute(path)).toMatchObject({ kind: 'invalid', code: 'NAME_INVALID' });
  });

  it.each(['my%20tag', 'a%C3%A4', 'a%2Fb', '%'])('that no tag holds makes the tag invalid: %s', (tag) => {
    const route = parseDistributionRoute(`/v2/team/app/manifests/${tag}`);
    expect(route).toMatchObject({ kind: 'invalid', code: 'TAG_INVALID' });
    expect(route).toHaveProperty('message', expect.stringContaining('at most 128 letters, digits'));
  });

  it('that no digest holds makes the digest invalid', () => {
    expect(parseDistributionRoute('/v2/team/app/manifests/sha256%3Aa%20b')).toMatchObject({
      code: 'DIGEST_INVALID',
    });
  });

  it('makes no endpoint of what would need decoding twice', () => {
    expect(parseDistributionRoute(`/v2/a/blobs/sha256%253A${'a'.repeat(64)}`)).toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('has an escape') as string,
    });
  });
});

describe('every path', () => {
  const segment = fc.constantFrom(
    'a',
    'b-c',
    'd__e',
    'blobs',
    'uploads',
    'manifests',
    'tags',
    'list',
    'referrers',
    'v2',
  );
  const name = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join('/'));
  const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
  const anyDigest = hex.map((text) => `sha256:${text}`);
  const tag = fc.constantFrom('latest', 'list', 'uploads', 'v1', '_');
  const route = fc.oneof(
    fc.record({ kind: fc.constant('tags'), name }),
    fc.record({ kind: fc.constant('uploads'), name }),
    fc.record({ kind: fc.constant('upload'), name, id: fc.constantFrom('x', 'uploads', 'list', 'A-_.9') }),
    fc.record({ kind: fc.constantFrom('blob', 'referrers'), name, digest: anyDigest }),
    fc.record({
      kind: fc.constant('manifest'),
      name,
      reference: fc.oneof(fc.record({ tag }), fc.record({ digest: anyDigest })),
    }),
  ) as fc.Arbitrary<NamedRoute>;
  const hostile = fc
    .array(
      fc.oneof(
        segment,
        fc.constantFrom('..', '%2e', '%2F', '%25', '', 'A', '\0', digest),
        fc.string({ unit: 'binary' }),
      ),
    )
    .map((segments) => `/v2/${segments.join('/')}`);

  it('is what was formatted', () => {
    fc.assert(
      fc.property(route, (expected) => {
        expect(parseDistributionRoute(formatRoute(expected))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('is read without an exception, and never into "..", "%" or a path of another meaning', () => {
    fc.assert(
      fc.property(hostile, (path) => {
        const found = parseDistributionRoute(path);
        if (!('name' in found)) return;
        expect(found.name).not.toMatch(/\.\.|%|\/\/|[^a-z0-9._/-]/);
        expect(parseDistributionRoute(formatRoute(found))).toEqual(found);
      }),
      { numRuns: 2000 },
    );
  });

  it('is read in linear time', () => {
    const started = performance.now();
    for (const path of [
      `/v2/${'-'.repeat(900)}/tags/list`,
      `/v2/${'%2e'.repeat(300)}/tags/list`,
      '/'.repeat(1_000_000),
    ]) {
      for (let round = 0; round < 100; round++) parseDistributionRoute(path);
    }
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
