import { describe, expect, it } from 'vitest';
import {
  accessorySubject,
  accessoryType,
  artifactKind,
  buildkitAttestationSubject,
  isBuildkitAttestation,
} from './artifact-kind.ts';
import { parseManifest, type Manifest } from './manifest.ts';
import { mediaTypes } from './media-type.ts';
import { parseTag, type Tag } from './tag.ts';

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;
const subject = { mediaType: mediaTypes.ociManifest, digest: digestOf('5'), size: 10 };
const hex = '5'.repeat(64);
const simpleSigning = 'application/vnd.dev.cosign.simplesigning.v1+json';
const bundle = 'application/vnd.dev.sigstore.bundle.v0.3+json';

function parse(document: object): Manifest {
  return parseManifest(new TextEncoder().encode(JSON.stringify(document)), undefined);
}

function manifest(config: string, members: object = {}, layerType = 'application/octet-stream'): Manifest {
  return parse({
    schemaVersion: 2,
    config: { mediaType: config, digest: digestOf('a'), size: 2 },
    layers: [{ mediaType: layerType, digest: digestOf('b'), size: 3 }],
    ...members,
  });
}

function index(members: object = {}): Manifest {
  return parse({ schemaVersion: 2, manifests: [], ...members });
}

function tag(text: string): Tag {
  const parsed = parseTag(text);
  if (parsed === undefined) throw new Error(`${text} was refused`);
  return parsed;
}

describe('artifactKind', () => {
  it.each([
    [mediaTypes.ociConfig, 'IMAGE'],
    [mediaTypes.dockerConfig, 'IMAGE'],
    ['application/vnd.cncf.helm.config.v1+json', 'CHART'],
    ['application/vnd.cnab.config.v1+json', 'CNAB'],
    ['application/vnd.wasm.config.v1+json', 'WASM'],
    ['application/vnd.cncf.model.config.v1+json', 'CNAI'],
    ['application/vnd.goharbor.harbor.sbom.v1', 'SBOM'],
    ['application/vnd.cncf.openpolicyagent.config.v1+json', 'OPENPOLICYAGENT'],
    ['application/vnd.acme.rocket.engine.config.v2+json', 'ROCKET.ENGINE'],
    [mediaTypes.ociEmpty, 'UNKNOWN'],
    ['text/plain', 'UNKNOWN'],
    ['constructor', 'UNKNOWN'],
  ])('of a config %s is %s', (config, type) => {
    expect(artifactKind(manifest(config))).toEqual({ type });
  });

  it('goes by artifactType before the config', () => {
    const artifactType = 'application/vnd.cncf.model.manifest.v1+json';
    expect(artifactKind(manifest(mediaTypes.ociEmpty, { artifactType })).type).toBe('CNAI');
    expect(artifactKind(manifest(mediaTypes.ociConfig, { artifactType: 'application/x' })).type).toBe(
      'IMAGE',
    );
  });

  it('knows an image that holds a WASM module', () => {
    const annotations = { 'module.wasm.image/variant': 'compat' };
    expect(artifactKind(manifest(mediaTypes.ociConfig, { annotations })).type).toBe('WASM');
  });

  it('of an index is IMAGE, unless it declares a known type', () => {
    expect(artifactKind(index()).type).toBe('IMAGE');
    expect(artifactKind(index({ artifactType: 'application/x' })).type).toBe('IMAGE');
    const annotations = { 'org.opencontainers.artifactType': 'application/vnd.cnab.manifest.v1' };
    expect(artifactKind(index({ annotations })).type).toBe('CNAB');
  });
});

describe('accessoryType', () => {
  it.each([
    ['a sigstore bundle', mediaTypes.ociEmpty, { artifactType: bundle }, 'signature.cosign'],
    [
      'a cosign 3 signature',
      mediaTypes.ociEmpty,
      {
        artifactType: bundle,
        annotations: { 'dev.sigstore.bundle.predicateType': 'https://sigstore.dev/cosign/sign/v1' },
      },
      'signature.cosign',
    ],
    [
      'a cosign 3 attestation',
      mediaTypes.ociEmpty,
      {
        artifactType: bundle,
        annotations: { 'dev.sigstore.bundle.predicateType': 'https://slsa.dev/provenance/v1' },
      },
      'subject.accessory',
    ],
    ['an older cosign signature', 'application/vnd.dev.cosign.artifact.sig.v1+json', {}, 'signature.cosign'],
    ['a notation signature', 'application/vnd.cncf.notary.signature', {}, 'signature.notation'],
    ['an SBOM', 'application/vnd.goharbor.harbor.sbom.v1', {}, 'sbom.harbor'],
    [
      'a Nydus image',
      mediaTypes.ociConfig,
      { annotations: { 'containerd.io/snapshot/nydus-bootstrap': 'true' } },
      'accelerator.nydus',
    ],
    ['anything else', mediaTypes.ociEmpty, { artifactType: 'application/spdx+json' }, 'subject.accessory'],
  ])('of %s with a subject', (_, config, members, type) => {
    const parsed = manifest(config, { ...members, subject });
    expect(accessoryType(parsed)).toBe(type);
    expect(accessorySubject(parsed)).toBe(subject.digest);
    expect(accessoryType(manifest(config, members))).toBeUndefined();
  });

  it.each([
    ['.sig', simpleSigning, 'signature.cosign'],
    ['.sig', 'text/plain', 'subject.accessory'],
    ['.att', 'application/vnd.dsse.envelope.v1+json', 'subject.accessory'],
    ['.sbom', 'text/spdx+json', 'subject.accessory'],
  ])('of a manifest under cosign’s tag %s with a layer %s is %s', (suffix, layer, type) => {
    const parsed = manifest(mediaTypes.ociConfig, {}, layer);
    expect(accessoryType(parsed, tag(`sha256-${hex}${suffix}`))).toBe(type);
    expect(accessorySubject(parsed, tag(`sha256-${hex}${suffix}`))).toBe(subject.digest);
  });

  it('is undefined of an image, of the index under a referrers tag, and without a tag', () => {
    expect(accessoryType(manifest(mediaTypes.ociConfig), tag('latest'))).toBeUndefined();
    expect(accessoryType(index(), tag(`sha256-${hex}`))).toBeUndefined();
    expect(accessoryType(manifest(mediaTypes.ociConfig, {}, simpleSigning))).toBeUndefined();
  });

  it('follows the source that a Nydus conversion names', () => {
    const annotations = {
      'containerd.io/snapshot/nydus-bootstrap': 'true',
      'io.goharbor.artifact.v1alpha1.acceleration.source.digest': subject.digest,
    };
    const parsed = manifest(mediaTypes.ociConfig, { annotations });
    expect(accessoryType(parsed)).toBe('accelerator.nydus');
    expect(accessorySubject(parsed)).toBe(subject.digest);
  });
});

describe('isBuildkitAttestation', () => {
  it('knows the attestation among the children, and whose it is', () => {
    const image = { mediaType: mediaTypes.ociManifest, digest: subject.digest, size: 1 };
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': subject.digest,
    };
    const parsed = index({ manifests: [image, { ...image, digest: digestOf('6'), annotations }] });
    expect(parsed.children.map(isBuildkitAttestation)).toEqual([false, true]);
    expect(parsed.children.map(buildkitAttestationSubject)).toEqual([undefined, subject.digest]);
  });
});
