import { describe, expect, it } from 'vitest';
import { parseDescriptor } from './descriptor.ts';

const valid = { mediaType: 'text/plain', digest: `sha256:${'a'.repeat(64)}`, size: 2 };

describe('parseDescriptor', () => {
  it('keeps the specified members and drops the others', () => {
    const members = {
      ...valid,
      artifactType: 'a/b',
      urls: ['https://example.com/x'],
      annotations: { a: 'b', A: 'c' },
      platform: {
        architecture: 'amd64',
        os: 'windows',
        'os.version': '10',
        'os.features': ['win32k'],
        variant: 'v1',
      },
      data: 'e30=',
    };
    expect(parseDescriptor({ ...members, 'org.example': 1 }, 'x')).toStrictEqual(members);
  });

  it('takes null as absent', () => {
    const members = { artifactType: null, urls: null, annotations: null, platform: null, data: null };
    expect(parseDescriptor({ ...valid, ...members }, 'x')).toEqual(valid);
  });

  it('takes a platform that leaves out its architecture', () => {
    expect(parseDescriptor({ ...valid, platform: { os: 'linux' } }, 'x').platform).toMatchObject({
      os: 'linux',
      architecture: '',
    });
  });

  it.each<[string, object, RegExp]>([
    ['no mediaType', { mediaType: undefined }, /^x\.mediaType is missing/],
    ['an empty mediaType', { mediaType: '' }, /^x\.mediaType is ""/],
    ['a mediaType with a line break', { mediaType: 'a/b\r\nc' }, /^x\.mediaType/],
    ['a mediaType too long', { mediaType: 'a'.repeat(256) }, /^x\.mediaType/],
    ['no digest', { digest: undefined }, /^x\.digest is missing/],
    ['a digest that is none', { digest: 'latest' }, /^x\.digest is "latest", no digest/],
    ['an unsupported digest', { digest: `md5:${'a'.repeat(32)}` }, /^x\.digest .*unsupported algorithm/],
    ['upper-case hex', { digest: `sha256:${'A'.repeat(64)}` }, /^x\.digest .*lowercase/],
    ['no size', { size: undefined }, /^x\.size is missing/],
    ['a negative size', { size: -1 }, /^x\.size is -1/],
    ['a broken size', { size: 1.5 }, /^x\.size is 1\.5/],
    ['a size as text', { size: '2' }, /^x\.size is "2"/],
    ['an unsafe size', { size: 2 ** 53 }, /^x\.size is 9007199254740992/],
    ['a size without end', { size: Number.POSITIVE_INFINITY }, /^x\.size/],
    ['urls that are no list', { urls: 'https://example.com' }, /^x\.urls/],
    ['urls that are no strings', { urls: [1] }, /^x\.urls/],
    ['annotations that are no strings', { annotations: { a: null } }, /^x\.annotations\["a"\] is null/],
    ['a platform that is no object', { platform: 'linux/amd64' }, /^x\.platform/],
    ['a platform with a number', { platform: { os: 1 } }, /^x\.platform\.os is 1/],
    ['data of another length', { data: 'e30A' }, /^x\.data/],
    ['data that is no base64', { data: 'e-_=' }, /^x\.data/],
    ['data without padding', { data: 'e30' }, /^x\.data/],
    ['data that is no string', { data: 5 }, /^x\.data is 5/],
    ['Digest beside digest', { Digest: valid.digest }, /"Digest".*case/],
    ['ſize, which Go reads as size', { ſize: 3 }, /case/],
  ])('refuses %s', (_, members, message) => {
    expect(() => parseDescriptor({ ...valid, ...members }, 'x')).toThrow(message);
  });

  it.each([[null], [[]], ['x'], [1], [undefined]])('refuses %j', (value) => {
    expect(() => parseDescriptor(value, 'layers[3]')).toThrow(/^layers\[3\] is .*JSON object/);
  });

  it('shows no more of a value than fits a message', () => {
    expect(() => parseDescriptor({ ...valid, digest: 'x'.repeat(10_000) }, 'x')).toThrow(/^.{1,250}$/);
  });
});
