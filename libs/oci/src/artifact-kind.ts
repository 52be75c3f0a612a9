import type { Descriptor } from './descriptor.ts';
import { parseDigest, type Digest } from './digest.ts';
import type { Manifest } from './manifest.ts';
import { mediaTypes } from './media-type.ts';
import { parseSubjectTag, type SubjectTagRole } from './subject-tag.ts';
import type { Tag } from './tag.ts';

/** What a manifest is to its subject; the names are Harbor's. */
export type AccessoryType =
  | 'signature.cosign'
  | 'signature.notation'
  | 'sbom.harbor'
  | 'accelerator.nydus'
  | 'subject.accessory';

const types: Readonly<Record<string, string>> = {
  [mediaTypes.ociConfig]: 'IMAGE',
  [mediaTypes.dockerConfig]: 'IMAGE',
  'application/vnd.cncf.helm.config.v1+json': 'CHART',
  'application/vnd.cnab.config.v1+json': 'CNAB',
  'application/vnd.cnab.manifest.v1': 'CNAB',
  'application/vnd.wasm.config.v0+json': 'WASM',
  'application/vnd.wasm.config.v1+json': 'WASM',
  'application/vnd.cncf.model.manifest.v1+json': 'CNAI',
  'application/vnd.cncf.model.config.v1+json': 'CNAI',
  'application/vnd.goharbor.harbor.sbom.v1': 'SBOM',
};

const accessories: Readonly<Record<string, AccessoryType>> = {
  'application/vnd.dev.sigstore.bundle.v0.3+json': 'signature.cosign',
  'application/vnd.dev.cosign.artifact.sig.v1+json': 'signature.cosign',
  'application/vnd.cncf.notary.signature': 'signature.notation',
  'application/vnd.goharbor.harbor.sbom.v1': 'sbom.harbor',
};

const namedConfig = /^application\/vnd\.[^.]*\.(.+)\.config\.[^.]*\+json$/;
const cnabAnnotation = 'org.opencontainers.artifactType';
const wasmAnnotation = 'module.wasm.image/variant';
const nydusAnnotation = 'containerd.io/snapshot/nydus-bootstrap';
const nydusSourceAnnotation = 'io.goharbor.artifact.v1alpha1.acceleration.source.digest';
const simpleSigning = 'application/vnd.dev.cosign.simplesigning.v1+json';
const bundlePredicate = 'dev.sigstore.bundle.predicateType';
const cosignPredicate = 'https://sigstore.dev/cosign/sign/v1';

/**
 * The type of an artifact as Harbor names it: `IMAGE` (any index too), `CHART`, `CNAB`, `WASM`, `SBOM`, `CNAI`;
 * else the middle of a config type `application/vnd.<x>.<NAME>.config.<v>+json` in upper case, else `UNKNOWN`.
 */
export function artifactKind(manifest: Manifest): { readonly type: string } {
  return { type: manifest.kind === 'index' ? indexType(manifest) : manifestType(manifest) };
}

function indexType(manifest: Manifest): string {
  const declared = manifest.artifactType ?? manifest.annotations[cnabAnnotation] ?? '';
  return findType(declared) ?? 'IMAGE';
}

function manifestType(manifest: Manifest): string {
  const config = manifest.config?.mediaType ?? '';
  const known = findType(manifest.artifactType ?? '') ?? findType(config) ?? typeByConfigName(config);
  return known === 'IMAGE' && manifest.annotations[wasmAnnotation] !== undefined ? 'WASM' : known;
}

function typeByConfigName(config: string): string {
  return namedConfig.exec(config)?.[1]?.toUpperCase() ?? 'UNKNOWN';
}

function findType(mediaType: string): string | undefined {
  return Object.hasOwn(types, mediaType) ? types[mediaType] : undefined;
}

/**
 * What a manifest, pushed under `tag` if any, is to another one; undefined when it speaks of no other. A
 * sigstore bundle of another predicate than a signature, and cosign's `.att` and `.sbom` tags, are
 * `subject.accessory`. The referrers tag `sha256-<hex>` makes no accessory of the index that it names.
 */
export function accessoryType(manifest: Manifest, tag?: Tag): AccessoryType | undefined {
  const subject = accessorySubject(manifest, tag);
  if (subject === undefined) return undefined;
  if (manifest.subject === undefined && isSignatureTag(tag)) return typeUnderSignatureTag(manifest);
  if (isNydus(manifest)) return 'accelerator.nydus';
  return typeByMediaType(manifest);
}

/**
 * The digest of the manifest that this one speaks of: its `subject`, else the digest in cosign's tag, else the
 * source that a Nydus conversion names.
 */
export function accessorySubject(manifest: Manifest, tag?: Tag): Digest | undefined {
  if (manifest.subject !== undefined) return manifest.subject.digest;
  const named = tag === undefined ? undefined : parseSubjectTag(tag);
  if (named !== undefined && named.role !== 'referrers') return named.subject;
  const source = manifest.annotations[nydusSourceAnnotation];
  return source !== undefined && isNydus(manifest) ? parseDigest(source) : undefined;
}

/** Whether a child of an index is BuildKit's attestation of one of its siblings, and not a platform. */
export function isBuildkitAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest';
}

/** The sibling that BuildKit's attestation speaks of. */
export function buildkitAttestationSubject(descriptor: Descriptor): Digest | undefined {
  const digest = descriptor.annotations?.['vnd.docker.reference.digest'];
  return isBuildkitAttestation(descriptor) && digest !== undefined ? parseDigest(digest) : undefined;
}

function isSignatureTag(tag: Tag | undefined): boolean {
  const role: SubjectTagRole | undefined = tag === undefined ? undefined : parseSubjectTag(tag)?.role;
  return role === 'signature';
}

function typeUnderSignatureTag(manifest: Manifest): AccessoryType {
  const signed = manifest.layers.some((layer) => layer.mediaType === simpleSigning);
  return signed ? 'signature.cosign' : 'subject.accessory';
}

function isNydus(manifest: Manifest): boolean {
  return (
    manifest.annotations[nydusAnnotation] !== undefined ||
    manifest.layers.some((layer) => layer.annotations?.[nydusAnnotation] !== undefined)
  );
}

function typeByMediaType(manifest: Manifest): AccessoryType {
  const predicate = manifest.annotations[bundlePredicate];
  if (predicate !== undefined && predicate !== cosignPredicate) return 'subject.accessory';
  return (
    findAccessory(manifest.artifactType) ?? findAccessory(manifest.config?.mediaType) ?? 'subject.accessory'
  );
}

function findAccessory(mediaType: string | undefined): AccessoryType | undefined {
  return mediaType !== undefined && Object.hasOwn(accessories, mediaType)
    ? accessories[mediaType]
    : undefined;
}
