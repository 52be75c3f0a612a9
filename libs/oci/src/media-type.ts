/** Media types of manifests and layers (image-spec media-types.md, Docker image manifest v2 schema 1 and 2). */
export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
} as const;

/** The manifest types that are stored, of a single manifest or of an index. */
export type ManifestMediaType =
  | typeof mediaTypes.ociManifest
  | typeof mediaTypes.ociIndex
  | typeof mediaTypes.dockerManifest
  | typeof mediaTypes.dockerManifestList;

const manifestTypes: ReadonlySet<string> = new Set([mediaTypes.ociManifest, mediaTypes.dockerManifest]);
const indexTypes: ReadonlySet<string> = new Set([mediaTypes.ociIndex, mediaTypes.dockerManifestList]);
const schema1Types: ReadonlySet<string> = new Set([mediaTypes.dockerSchema1, mediaTypes.dockerSchema1Signed]);
const foreignLayerPattern =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.v1\.tar|docker\.image\.rootfs\.foreign\.diff\.tar)(?:[.+](?:gzip|zstd))?$/;

/** Whether it is the type of an image manifest, OCI or Docker schema 2: it has a config and layers. */
export function isManifestType(mediaType: string): mediaType is ManifestMediaType {
  return manifestTypes.has(mediaType);
}

/** Whether it is the type of an OCI index or a Docker manifest list: it has child manifests. */
export function isIndexType(mediaType: string): mediaType is ManifestMediaType {
  return indexTypes.has(mediaType);
}

/** Whether it is a type of Docker schema 1, which is refused. */
export function isSchema1Type(mediaType: string): boolean {
  return schema1Types.has(mediaType);
}

/**
 * Whether a layer of this type may lie elsewhere (image-spec layer.md § Non-Distributable Layers; Docker's foreign
 * layers): a registry need not hold it.
 */
export function isNonDistributableType(mediaType: string): boolean {
  return foreignLayerPattern.test(mediaType);
}

/** The type of a Content-Type header without its parameters, lower-cased; undefined when there is none. */
export function parseContentType(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const end = header.indexOf(';');
  return (end < 0 ? header : header.slice(0, end)).trim().toLowerCase() || undefined;
}

/**
 * Whether an Accept header, or several, allows `mediaType` (RFC 9110 § 12.5.1): the most specific range that
 * matches decides, `q=0` refuses. Parameters other than q are ignored. Without a header everything is allowed.
 */
export function negotiate(accept: string | readonly string[] | undefined, mediaType: string): boolean {
  const header = typeof accept === 'object' ? accept.join(',') : accept;
  if (header === undefined || header.trim() === '') return true;
  let best = 0;
  let allowed = false;
  for (const range of header.split(',')) {
    const specificity = specificityOf(parseContentType(range) ?? '', mediaType);
    if (specificity === 0 || specificity < best) continue;
    allowed = !isRefused(range) || (specificity === best && allowed);
    best = specificity;
  }
  return allowed;
}

// 3 the type itself, 2 `type/*`, 1 any, 0 no match.
function specificityOf(range: string, mediaType: string): number {
  if (range === mediaType) return 3;
  if (range === '*/*') return 1;
  return range.endsWith('/*') && mediaType.startsWith(range.slice(0, -1)) ? 2 : 0;
}

function isRefused(range: string): boolean {
  return range.includes(';') && /;\s*q\s*=\s*0(?:\.0*)?\s*(?:;|$)/i.test(range);
}
