import { AppError } from '@entrepot/errors/app-error';
import {
  asMembers,
  optional,
  parseAnnotations,
  parseDescriptor,
  parseMediaTypeMember,
  refuseCaseVariants,
  specifiedMembers,
  type Descriptor,
} from './descriptor.ts';
import type { Digest } from './digest.ts';
import { parseStrictJson, type JsonLimits } from './strict-json.ts';
import { manifestInvalid, shown } from './manifest-error.ts';
import {
  isIndexType,
  isManifestType,
  isNonDistributableType,
  isSchema1Type,
  mediaTypes,
  parseContentType,
  type ManifestMediaType,
} from './media-type.ts';

/** What {@link parseManifest} refuses by size. */
export interface ManifestLimits extends JsonLimits {
  /** Bytes of the document. */
  readonly maxBytes: number;
  /** Descriptors: config, layers, children and subject together. */
  readonly maxReferences: number;
}

/**
 * The limits of the registry: 4 MiB (distribution-spec § Pushing Manifests), 4,096 references, 64 levels, 60,000
 * values in all, which is 14 for each reference.
 */
export const manifestLimits: ManifestLimits = {
  maxBytes: 4 * 1024 * 1024,
  maxReferences: 4096,
  maxDepth: 64,
  maxValues: 60_000,
};

/** A parsed manifest or index (image-spec manifest.md, image-index.md). Descriptors keep their order. */
export interface Manifest {
  readonly mediaType: ManifestMediaType;
  readonly kind: 'manifest' | 'index';
  readonly schemaVersion: 2;
  /** As a referrers list shows it (distribution-spec § Listing referrers): for a manifest, else its config's type. */
  readonly artifactType: string | undefined;
  /** Of a manifest; never of an index. */
  readonly config: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
  /** The manifests of an index. */
  readonly children: readonly Descriptor[];
  readonly subject: Descriptor | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** Config and layers that must be in the repository, each digest once: not what lies at foreign URLs. */
  readonly blobs: readonly Descriptor[];
}

type Members = Readonly<Record<string, unknown>>;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const documentMembers = specifiedMembers([
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'manifests',
  'subject',
  'annotations',
]);
const noAnnotations: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Reads a manifest as pushed (image-spec manifest.md and image-index.md, distribution-spec § Pushing manifests):
 * OCI and Docker schema 2, single or index. Its type is that of the body, of the Content-Type header when the
 * body names none (helm), or follows from its members when neither does; body and header must agree. Members
 * beyond the specification are allowed.
 *
 * @throws AppError TOO_LARGE beyond `maxBytes`; MANIFEST_INVALID otherwise, naming the member and the fix
 */
export function parseManifest(
  bytes: Uint8Array,
  contentType: string | undefined,
  limits: ManifestLimits = manifestLimits,
): Manifest {
  const members = parseDocument(bytes, limits);
  const mediaType = resolveMediaType(members, parseContentType(contentType));
  if (members['schemaVersion'] !== 2) {
    throw manifestInvalid(`schemaVersion is ${shown(members['schemaVersion'])}: it must be the number 2.`);
  }
  refuseCaseVariants(members, documentMembers, 'The manifest');
  refuseTooMany(members, limits.maxReferences);
  return isIndexType(mediaType) ? buildIndex(members, mediaType) : buildManifest(members, mediaType);
}

function parseDocument(bytes: Uint8Array, limits: ManifestLimits): Members {
  if (bytes.length > limits.maxBytes) {
    throw new AppError(
      'TOO_LARGE',
      `The manifest has ${bytes.length} bytes, the limit is ${limits.maxBytes}.`,
    );
  }
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw manifestInvalid('The manifest is not valid UTF-8: send JSON in UTF-8.', cause);
  }
  return asMembers(parseStrictJson(text, limits), 'The manifest');
}

function resolveMediaType(members: Members, header: string | undefined): ManifestMediaType {
  const body = optional(members['mediaType'], 'mediaType', parseMediaTypeMember);
  const mediaType = body ?? header ?? typeByMembers(members);
  if (members['schemaVersion'] === 1 || isSchema1Type(mediaType)) {
    throw manifestInvalid('Docker schema 1 manifests are not supported: push with Docker 1.10 or later.');
  }
  if (header !== undefined && header !== mediaType) {
    throw manifestInvalid(
      `mediaType is ${shown(body)}, the Content-Type header ${shown(header)}: send the same.`,
    );
  }
  if (!isManifestType(mediaType) && !isIndexType(mediaType)) {
    const known = `${mediaTypes.ociManifest}, ${mediaTypes.ociIndex} or their Docker schema 2 counterparts`;
    throw manifestInvalid(
      `${shown(mediaType)} is not a manifest type: send ${known} as mediaType and Content-Type.`,
    );
  }
  return mediaType;
}

function typeByMembers(members: Members): string {
  return members['manifests'] === undefined ? mediaTypes.ociManifest : mediaTypes.ociIndex;
}

function refuseTooMany(members: Members, limit: number): void {
  const { config, layers, manifests, subject } = members;
  const count = [config, layers, manifests, subject].reduce((sum: number, value) => sum + countOf(value), 0);
  if (count > limit) {
    throw manifestInvalid(`The manifest names ${count} descriptors, the limit is ${limit}: split it up.`);
  }
}

function countOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return value === undefined || value === null ? 0 : 1;
}

function buildIndex(members: Members, mediaType: ManifestMediaType): Manifest {
  refuseMembers(members, ['config', 'layers', 'fsLayers'], 'an index');
  return {
    mediaType,
    kind: 'index',
    schemaVersion: 2,
    artifactType: parseArtifactType(members),
    config: undefined,
    layers: [],
    children: parseList(members, 'manifests'),
    subject: optional(members['subject'], 'subject', parseDescriptor),
    annotations: optional(members['annotations'], 'annotations', parseAnnotations) ?? noAnnotations,
    blobs: [],
  };
}

function buildManifest(members: Members, mediaType: ManifestMediaType): Manifest {
  refuseMembers(members, ['manifests', 'fsLayers'], 'an image manifest');
  const config = parseDescriptor(members['config'], 'config');
  const layers = parseList(members, 'layers');
  return {
    mediaType,
    kind: 'manifest',
    schemaVersion: 2,
    artifactType: parseArtifactType(members) ?? config.mediaType,
    config,
    layers,
    children: [],
    subject: optional(members['subject'], 'subject', parseDescriptor),
    annotations: optional(members['annotations'], 'annotations', parseAnnotations) ?? noAnnotations,
    blobs: requiredBlobs(config, layers),
  };
}

// A document that reads as both kinds means something else to each client (CVE-2021-41190).
function refuseMembers(members: Members, names: readonly string[], kind: string): void {
  for (const name of names) {
    if (members[name] !== undefined) {
      throw manifestInvalid(
        `${name} stands in ${kind}, which is ambiguous: remove it or change the mediaType.`,
      );
    }
  }
}

// The empty string counts as absent, as in distribution-spec § Listing referrers.
function parseArtifactType(members: Members): string | undefined {
  const value = members['artifactType'];
  return value === '' ? undefined : optional(value, 'artifactType', parseMediaTypeMember);
}

// Go writes an empty list as null.
function parseList(members: Members, name: 'layers' | 'manifests'): Descriptor[] {
  const list = members[name] === null ? [] : members[name];
  if (Array.isArray(list)) return list.map((item, index) => parseDescriptor(item, `${name}[${index}]`));
  throw manifestInvalid(`${name} is ${shown(list)}: it must be a list of descriptors, which may be empty.`);
}

function requiredBlobs(config: Descriptor, layers: readonly Descriptor[]): Descriptor[] {
  const blobs = new Map<Digest, Descriptor>([[config.digest, config]]);
  for (const layer of layers) {
    if (isElsewhere(layer)) continue;
    const same = blobs.get(layer.digest);
    if (same === undefined) blobs.set(layer.digest, layer);
    else if (same.size !== layer.size) {
      throw manifestInvalid(
        `${layer.digest} has the sizes ${same.size} and ${layer.size}: give its one size.`,
      );
    }
  }
  return [...blobs.values()];
}

function isElsewhere(layer: Descriptor): boolean {
  return layer.urls !== undefined && layer.urls.length > 0 && isNonDistributableType(layer.mediaType);
}
