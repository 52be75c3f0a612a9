import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isIndexType,
  isManifestType,
  isNonDistributableType,
  isSchema1Type,
  mediaTypes,
  negotiate,
  parseContentType,
} from './media-type.ts';

const { ociManifest, ociIndex, dockerManifest, dockerManifestList } = mediaTypes;

describe('the kinds of media types', () => {
  it('tells manifests, indexes and schema 1 apart', () => {
    expect([ociManifest, dockerManifest].every(isManifestType)).toBe(true);
    expect([ociIndex, dockerManifestList].every(isIndexType)).toBe(true);
    expect([mediaTypes.dockerSchema1, mediaTypes.dockerSchema1Signed].every(isSchema1Type)).toBe(true);
    expect([ociIndex, mediaTypes.dockerSchema1, 'application/json', ''].some(isManifestType)).toBe(false);
    expect([ociManifest, 'constructor'].some(isIndexType)).toBe(false);
  });

  it.each([
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
    'application/vnd.docker.image.rootfs.foreign.diff.tar',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ])('knows that %s may lie elsewhere', (type) => {
    expect(isNonDistributableType(type)).toBe(true);
  });

  it.each([
    'application/vnd.oci.image.layer.v1.tar+gzip',
    'application/vnd.docker.image.rootfs.diff.tar.gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tarx',
    '',
  ])('knows that %j must be here', (type) => {
    expect(isNonDistributableType(type)).toBe(false);
  });
});

describe('parseContentType', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    [' ; charset=utf-8', undefined],
    ['Application/JSON; charset=utf-8', 'application/json'],
    [`${ociIndex} `, ociIndex],
  ])('reads %j as %j', (header, type) => {
    expect(parseContentType(header)).toBe(type);
  });
});

describe('negotiate', () => {
  it.each([
    [undefined],
    [''],
    [[]],
    ['*/*'],
    ['application/*'],
    [ociIndex],
    [`text/html, ${ociIndex}`],
    [['text/html', ociIndex]],
    [`${ociIndex};q=0.5`],
    [`${ociIndex.toUpperCase()}; Q=0.001`],
    [`application/*;q=0, ${ociIndex}`],
    [`${ociIndex}, */*;q=0`],
    [` , ,${ociIndex}`],
  ])('allows an index for %j', (accept) => {
    expect(negotiate(accept, ociIndex)).toBe(true);
  });

  it.each([
    [ociManifest],
    [`${ociManifest}, ${dockerManifest}`],
    ['text/*'],
    [`${ociIndex};q=0`],
    [`${ociIndex} ; q=0.000`],
    [`*/*, ${ociIndex};q=0`],
    ['*/*;q=0'],
    ['application'],
    ['applicatio/*'],
    ['*/json'],
  ])('refuses an index for %j', (accept) => {
    expect(negotiate(accept, ociIndex)).toBe(false);
  });

  it('never throws, and allows what */* or the type itself is added for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (accept) => {
        expect(typeof negotiate(accept, ociIndex)).toBe('boolean');
        expect(negotiate([accept, ociIndex], ociIndex)).toBe(true);
      }),
    );
  });
});
