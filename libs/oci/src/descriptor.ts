import { isDigestLike, parseDigest, type Digest } from './digest.ts';
import { manifestInvalid, shown } from './manifest-error.ts';

/** What a child of an index runs on (image-spec image-index.md § platform); what it leaves out is the empty string. */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
  readonly 'os.version'?: string | undefined;
  readonly 'os.features'?: readonly string[] | undefined;
}

/** Names content by type, digest and size in bytes (image-spec descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
  /** The content itself in base64. */
  readonly data?: string | undefined;
}

type Members = Readonly<Record<string, unknown>>;

const printable = /^[\x20-\x7e]{1,255}$/;
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const descriptorMembers = specifiedMembers([
  'mediaType',
  'digest',
  'size',
  'artifactType',
  'urls',
  'annotations',
  'platform',
  'data',
]);

/**
 * Reads a descriptor (image-spec descriptor.md). `member` is its place in the document, for messages. Members
 * beyond the specification are allowed and dropped; `null` counts as absent.
 *
 * @throws AppError MANIFEST_INVALID
 */
export function parseDescriptor(value: unknown, member: string): Descriptor {
  const members = asMembers(value, member);
  refuseCaseVariants(members, descriptorMembers, member);
  const size = parseSize(members['size'], member);
  return {
    mediaType: parseMediaTypeMember(members['mediaType'], `${member}.mediaType`),
    digest: parseDigestMember(members['digest'], `${member}.digest`),
    size,
    artifactType: optional(members['artifactType'], `${member}.artifactType`, parseMediaTypeMember),
    urls: optional(members['urls'], `${member}.urls`, parseStrings),
    annotations: optional(members['annotations'], `${member}.annotations`, parseAnnotations),
    platform: optional(members['platform'], `${member}.platform`, parsePlatform),
    data: parseData(members['data'], size, `${member}.data`),
  };
}

/** Reads an annotation map (image-spec annotations.md): strings to strings. @throws AppError MANIFEST_INVALID */
export function parseAnnotations(value: unknown, member: string): Readonly<Record<string, string>> {
  const members = asMembers(value, member);
  for (const key in members) {
    if (typeof members[key] !== 'string') {
      throw manifestInvalid(`${member}[${shown(key)}] is ${shown(members[key])}: annotations are strings.`);
    }
  }
  return members as Readonly<Record<string, string>>;
}

/** Reads a media type: 1 to 255 printable ASCII characters. @throws AppError MANIFEST_INVALID */
export function parseMediaTypeMember(value: unknown, member: string): string {
  if (typeof value === 'string' && printable.test(value)) return value;
  throw manifestInvalid(`${member} is ${shown(value)}: give a media type, such as "application/json".`);
}

/** Reads an object member. @throws AppError MANIFEST_INVALID */
export function asMembers(value: unknown, member: string): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw manifestInvalid(`${member} is ${shown(value)}: it must be a JSON object.`);
}

/** Reads an optional member: absent and `null` are undefined. */
export function optional<T>(
  value: unknown,
  member: string,
  parse: (value: unknown, member: string) => T,
): T | undefined {
  return value === undefined || value === null ? undefined : parse(value, member);
}

/** The members that a specification gives an object, for {@link refuseCaseVariants}. */
export interface SpecifiedMembers {
  readonly names: ReadonlySet<string>;
  readonly folded: ReadonlySet<string>;
}

/** Prepares {@link refuseCaseVariants}. */
export function specifiedMembers(names: readonly string[]): SpecifiedMembers {
  return { names: new Set(names), folded: new Set(names.map(fold)) };
}

/**
 * Refuses members that differ from a specified one only in case: some parsers (Go's) take `Layers` for `layers`,
 * so that two readers would see two documents.
 *
 * @throws AppError MANIFEST_INVALID
 */
export function refuseCaseVariants(members: Members, specified: SpecifiedMembers, member: string): void {
  for (const key in members) {
    if (!specified.names.has(key) && specified.folded.has(fold(key))) {
      throw manifestInvalid(`${member} has the member ${shown(key)}: specified members keep their case.`);
    }
  }
}

// Upper first: U+017F (long s) and U+212A (kelvin) fold to s and k in the parsers this guards against.
function fold(text: string): string {
  return text.toUpperCase().toLowerCase();
}

function parseSize(value: unknown, member: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw manifestInvalid(
    `${member}.size is ${shown(value)}: give the size in bytes, an integer from 0 to 2^53-1.`,
  );
}

function parseDigestMember(value: unknown, member: string): Digest {
  const digest = typeof value === 'string' ? parseDigest(value) : undefined;
  if (digest !== undefined) return digest;
  const cause =
    typeof value === 'string' && isDigestLike(value) ? 'of an unsupported algorithm or length' : 'no digest';
  throw manifestInvalid(
    `${member} is ${shown(value)}, ${cause}: give sha256:<64 hex> or sha512:<128 hex>, lowercase.`,
  );
}

function parseStrings(value: unknown, member: string): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw manifestInvalid(`${member} is ${shown(value)}: it must be a list of strings.`);
}

function parseText(value: unknown, member: string): string {
  if (typeof value === 'string') return value;
  throw manifestInvalid(`${member} is ${shown(value)}: it must be a string.`);
}

function parsePlatform(value: unknown, member: string): Platform {
  const members = asMembers(value, member);
  return {
    architecture: optional(members['architecture'], `${member}.architecture`, parseText) ?? '',
    os: optional(members['os'], `${member}.os`, parseText) ?? '',
    variant: optional(members['variant'], `${member}.variant`, parseText),
    'os.version': optional(members['os.version'], `${member}["os.version"]`, parseText),
    'os.features': optional(members['os.features'], `${member}["os.features"]`, parseStrings),
  };
}

// Only length and alphabet: who uses the data compares its digest (descriptor.md § Embedded Content).
function parseData(value: unknown, size: number, member: string): string | undefined {
  const data = optional(value, member, parseText);
  if (data === undefined) return undefined;
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  if (data.length % 4 === 0 && base64.test(data) && (data.length / 4) * 3 - padding === size) return data;
  throw manifestInvalid(`${member} is not the padded base64 of ${size} bytes: repair it or leave it out.`);
}
