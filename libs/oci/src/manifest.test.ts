import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '@entrepot/errors/app-error';
import { manifestLimits, parseManifest, type Manifest } from './manifest.ts';
import { mediaTypes } from './media-type.ts';

const { ociManifest, ociIndex, dockerManifest, dockerManifestList, ociEmpty } = mediaTypes;
const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;
const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
const foreignType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
const config = { mediaType: mediaTypes.ociConfig, digest: digestOf('c'), size: 100 };
const layer = (digit: string, members: object = {}) => ({
  mediaType: layerType,
  digest: digestOf(digit),
  size: 7,
  ...members,
});
const child = (digit: string, members: object = {}) => ({
  mediaType: ociManifest,
  digest: digestOf(digit),
  size: 9,
  ...members,
});
const image = { schemaVersion: 2, mediaType: ociManifest, config, layers: [layer('1'), layer('2')] };
const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [child('3'), child('4')] };

function bytesOf(document: unknown): Uint8Array {
  return new TextEncoder().encode(typeof document === 'string' ? document : JSON.stringify(document));
}

function parse(document: unknown, contentType?: string): Manifest {
  return parseManifest(bytesOf(document), contentType);
}

function refusal(document: unknown, contentType?: string): string {
  try {
    parse(document, contentType);
  } catch (error) {
    if (isAppError(error, 'MANIFEST_INVALID')) return error.message;
    throw error;
  }
  throw new Error('the document was accepted');
}

describe('a manifest', () => {
  it('gives its config, layers in order and blobs', () => {
    const manifest = parse(image, ociManifest);
    expect(manifest).toMatchObject({
      kind: 'manifest',
      mediaType: ociManifest,
      schemaVersion: 2,
      config,
      children: [],
    });
    expect(manifest.layers.map((each) => each.digest)).toEqual([digestOf('1'), digestOf('2')]);
    expect(manifest.blobs.map((each) => each.digest)).toEqual([digestOf('c'), digestOf('1'), digestOf('2')]);
    expect(manifest.annotations).toEqual({});
    expect(manifest.subject).toBeUndefined();
  });

  it('lists a blob once that it names twice, and keeps both layers', () => {
    const manifest = parse({ ...image, layers: [layer('1'), layer('2'), layer('1')] });
    expect(manifest.layers).toHaveLength(3);
    expect(manifest.blobs).toHaveLength(3);
  });

  it('need not have the blobs that lie at foreign URLs', () => {
    const urls = ['https://store.example.com/blob'];
    const layers = [
      layer('1', { mediaType: foreignType, urls }),
      layer('2', { mediaType: foreignType }),
      layer('3', { urls }),
      layer('4', { mediaType: foreignType, urls: [] }),
    ];
    expect(parse({ ...image, layers }).blobs.map((each) => each.digest)).toEqual([
      digestOf('c'),
      digestOf('2'),
      digestOf('3'),
      digestOf('4'),
    ]);
  });

  it('has the type of its config as artifact type unless it declares one', () => {
    expect(parse(image).artifactType).toBe(config.mediaType);
    expect(parse({ ...image, artifactType: 'application/x' }).artifactType).toBe('application/x');
    expect(parse({ ...image, artifactType: '' }).artifactType).toBe(config.mediaType);
    expect(parse({ ...image, artifactType: null }).artifactType).toBe(config.mediaType);
  });

  it('keeps subject and annotations', () => {
    const annotations = { 'org.opencontainers.image.created': '2026-01-01T00:00:00Z', __proto__x: '' };
    const manifest = parse({ ...image, subject: child('5'), annotations });
    expect(manifest.subject?.digest).toBe(digestOf('5'));
    expect(manifest.annotations).toEqual(annotations);
  });

  it.each([
    ['no layers', { layers: [] }],
    ['null layers, as Go writes them', { layers: null }],
    ['the empty config', { config: { mediaType: ociEmpty, digest: digestOf('e'), size: 2, data: 'e30=' } }],
    ['members beyond the specification', { 'org.example': { any: ['thing'] }, config: { ...config, x: 1 } }],
    ['null for optional members', { subject: null, annotations: null, mediaType: null }],
    ['a sha512 layer', { layers: [layer('1', { digest: `sha512:${'f'.repeat(128)}` })] }],
    ['an empty blob', { layers: [layer('1', { size: 0 })] }],
  ])('may have %s', (_, members) => {
    expect(parse({ ...image, ...members }).kind).toBe('manifest');
  });
});

describe('an index', () => {
  it('gives its children in order, with their platforms, and needs no blobs', () => {
    const platform = { architecture: 'arm64', os: 'linux', variant: 'v8' };
    const parsed = parse({ ...index, manifests: [child('4', { platform }), child('3')] }, ociIndex);
    expect(parsed).toMatchObject({
      kind: 'index',
      mediaType: ociIndex,
      config: undefined,
      layers: [],
      blobs: [],
    });
    expect(parsed.children.map((each) => each.digest)).toEqual([digestOf('4'), digestOf('3')]);
    expect(parsed.children[0]?.platform).toEqual(platform);
    expect(parsed.artifactType).toBeUndefined();
  });

  it.each([
    ['no children', { manifests: [] }],
    ['null children, as Go writes them', { manifests: null }],
    ['an index as child', { manifests: [child('3', { mediaType: ociIndex })] }],
    [
      'an artifact type, a subject and annotations',
      { artifactType: 'a/b', subject: child('5'), annotations: { a: 'b' } },
    ],
  ])('may have %s', (_, members) => {
    expect(parse({ ...index, ...members }).kind).toBe('index');
  });
});

describe('the media type', () => {
  it.each([
    [ociManifest, image],
    [dockerManifest, { ...image, mediaType: dockerManifest }],
    [ociIndex, index],
    [dockerManifestList, { ...index, mediaType: dockerManifestList }],
  ])('%s is that of body and header', (type, document) => {
    expect(parse(document, type).mediaType).toBe(type);
    expect(parse(document, `${type}; charset=utf-8`).mediaType).toBe(type);
    expect(parse(document, undefined).mediaType).toBe(type);
    expect(parse({ ...document, mediaType: undefined }, type).mediaType).toBe(type);
  });

  it('follows from the members when neither names it', () => {
    expect(parse({ ...image, mediaType: undefined }).mediaType).toBe(ociManifest);
    expect(parse({ ...index, mediaType: undefined }).mediaType).toBe(ociIndex);
  });

  it.each([
    ['another header', image, ociIndex, /Content-Type header/],
    ['a header of no manifest', image, 'application/json', /Content-Type header/],
    ['an unknown type', { ...image, mediaType: 'application/x' }, 'application/x', /not a manifest type/],
    ['an unknown header alone', { ...image, mediaType: undefined }, 'text/plain', /not a manifest type/],
    ['a type that is no string', { ...image, mediaType: 2 }, undefined, /mediaType is 2/],
    ['schema 1', { ...image, mediaType: undefined }, mediaTypes.dockerSchema1Signed, /schema 1/],
    ['schemaVersion 1', { schemaVersion: 1, fsLayers: [] }, undefined, /schema 1/],
    ['schemaVersion 1 in disguise', { ...image, schemaVersion: 1 }, ociManifest, /schema 1/],
  ])('is refused with %s', (_, document, header, message) => {
    expect(refusal(document, header)).toMatch(message);
  });
});

describe('a document that is refused', () => {
  it.each<[string, unknown, RegExp]>([
    ['no object', '[]', /must be a JSON object/],
    ['null', 'null', /must be a JSON object/],
    ['no JSON', '{', /not JSON/],
    ['a byte order mark', `\u{feff}${JSON.stringify(image)}`, /not JSON/],
    ['no schemaVersion', { ...image, schemaVersion: undefined }, /schemaVersion is missing/],
    ['schemaVersion "2"', { ...image, schemaVersion: '2' }, /schemaVersion is "2"/],
    ['schemaVersion 3', { ...image, schemaVersion: 3 }, /schemaVersion is 3/],
    ['no config', { ...image, config: undefined }, /config is missing/],
    ['a null config', { ...image, config: null }, /config is null/],
    ['no layers member', { ...image, layers: undefined }, /layers is missing/],
    ['layers that are no list', { ...image, layers: {} }, /layers is an object/],
    ['a layer that is no object', { ...image, layers: ['x'] }, /layers\[0\] is "x"/],
    ['manifests in a manifest', { ...image, manifests: [] }, /manifests .*ambiguous/],
    ['config in an index', { ...index, config }, /config .*ambiguous/],
    ['layers in an index', { ...index, layers: [] }, /layers .*ambiguous/],
    ['fsLayers', { ...image, fsLayers: [] }, /fsLayers .*ambiguous/],
    ['Layers beside layers', { ...image, Layers: [] }, /"Layers"/],
    ['maniſests in the eyes of Go', { ...image, manifeſtS: [] }, /keep their case/],
    [
      'a child without digest',
      { ...index, manifests: [child('3', { digest: undefined })] },
      /manifests\[0\]\.digest/,
    ],
    ['annotations that are no strings', { ...image, annotations: { a: 1 } }, /annotations\["a"\] is 1/],
    ['annotations that are a list', { ...image, annotations: [] }, /annotations is a list/],
    ['an artifactType with a line break', { ...image, artifactType: 'a\r\nb' }, /artifactType is/],
    ['one digest of two sizes', { ...image, layers: [layer('1'), layer('1', { size: 8 })] }, /sizes 7 and 8/],
    ['a bad subject', { ...image, subject: {} }, /subject\./],
    [
      'a key twice',
      JSON.stringify(image).replace('{', '{"schemaVersion":2,'),
      /"schemaVersion" stands twice/,
    ],
  ])('has %s', (_, document, message) => {
    expect(refusal(document)).toMatch(message);
  });

  it('is not UTF-8', () => {
    const bytes = bytesOf({ ...image, annotations: { a: '@' } });
    bytes[bytes.indexOf(0x40)] = 0xff;
    expect(() => parseManifest(bytes, undefined)).toThrow(/UTF-8/);
  });

  it('nests too deep, though only in a member of its own', () => {
    const deep = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;
    expect(parse({ ...image, 'org.example': deep(63) }).kind).toBe('manifest');
    expect(refusal({ ...image, 'org.example': deep(64) })).toMatch(/deeper than 64/);
  });

  it('has more bytes than the limit', () => {
    const padded = (length: number) => bytesOf(JSON.stringify(image).padEnd(length));
    expect(parseManifest(padded(manifestLimits.maxBytes), undefined).kind).toBe('manifest');
    expect(() => parseManifest(padded(manifestLimits.maxBytes + 1), undefined)).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }) as Error,
    );
  });

  it('names more descriptors than the limit', () => {
    const many = (count: number) => Array.from({ length: count }, () => child('3'));
    expect(parse({ ...index, manifests: many(4096) }).children).toHaveLength(4096);
    expect(refusal({ ...index, manifests: many(4097) })).toMatch(/4097 descriptors/);
    expect(refusal({ ...index, manifests: many(4096), subject: child('5') })).toMatch(/4097 descriptors/);
  });
});

describe('every document', () => {
  it('throws nothing but AppError', () => {
    const types = fc.constantFrom(undefined, ociManifest, ociIndex, 'x');
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map(bytesOf),
      mutated(image).map(bytesOf),
      mutated(index).map(bytesOf),
    );
    fc.assert(
      fc.property(anything, types, (bytes, type) => {
        try {
          parseManifest(bytes, type);
          return true;
        } catch (error) {
          return isAppError(error, 'MANIFEST_INVALID');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('that holds valid descriptors is read with all of them, in order', () => {
    const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
    const descriptor = fc.record({
      mediaType: fc.constantFrom(layerType, 'text/plain'),
      digest: hex.map((text) => `sha256:${text}`),
      size: fc.maxSafeNat(),
      annotations: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
    });
    const layers = fc.uniqueArray(descriptor, { selector: (each) => each.digest });
    fc.assert(
      fc.property(layers, (list) => {
        const manifest = parse({ ...image, layers: list });
        expect(manifest.layers).toEqual(list);
        expect(manifest.blobs.slice(1)).toEqual(manifest.layers);
      }),
    );
  });
});

/** A document with one member, of it or of its first descriptors, replaced by any JSON. */
function mutated(document: Record<string, unknown>): fc.Arbitrary<unknown> {
  const list = 'layers' in document ? 'layers' : 'manifests';
  const member = fc.constantFrom(...Object.keys(document), 'subject', 'annotations', 'artifactType');
  const inner = fc.constantFrom(
    'mediaType',
    'digest',
    'size',
    'urls',
    'annotations',
    'platform',
    'data',
    'artifactType',
  );
  return fc.oneof(
    fc
      .record({ member, value: fc.jsonValue() })
      .map((change) => ({ ...document, [change.member]: change.value })),
    fc
      .record({ inner, value: fc.jsonValue() })
      .map((change) => ({ ...document, [list]: [{ ...layer('1'), [change.inner]: change.value }] })),
  );
}
