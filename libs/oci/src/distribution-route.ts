import type { ErrorCode } from '@entrepot/errors/error-code';
import { isDigestLike, parseDigest, type Digest } from './digest.ts';
import { parseReference, type Reference } from './reference.ts';
import { parseRepositoryName, type RepositoryName } from './repository-name.ts';

/** A path under `/v2/` that breaks the grammar: the code and message of its refusal. */
export interface InvalidRoute {
  readonly kind: 'invalid';
  readonly code: Extract<ErrorCode, 'NAME_INVALID' | 'DIGEST_INVALID' | 'TAG_INVALID' | 'UPLOAD_NOT_FOUND'>;
  readonly message: string;
}

/** What a path of the distribution API names (distribution-spec § Endpoints). */
export type DistributionRoute =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly name: RepositoryName }
  | { readonly kind: 'manifest'; readonly name: RepositoryName; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly name: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'uploads'; readonly name: RepositoryName }
  | { readonly kind: 'upload'; readonly name: RepositoryName; readonly id: string }
  | { readonly kind: 'referrers'; readonly name: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'unknown' }
  | InvalidRoute;

/** No path in the grammar is longer: name 255, upload id 512, and room for the rest. */
const maxPathLength = 1024;
const base = '/v2/';
const blobsSegment = '/blobs';
const unknown: DistributionRoute = { kind: 'unknown' };
const uploadIdPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,511}$/;
const escapePattern = /%([0-9A-Fa-f]{2})?/g;
const escapable = /^[A-Za-z0-9._:-]$/;

/**
 * Reads the raw path of a request, still percent-encoded and without its query (distribution-spec § Endpoints).
 *
 * Matched from the right, so a repository may have segments named `blobs`, `manifests`, `tags` or `uploads`.
 * Escapes are read once, and only those of characters in the grammar (`%3A`, RFC 3986 § 2.3); every other escape,
 * an empty segment, `..` and control characters are invalid. `unknown` is a path that is no endpoint.
 */
export function parseDistributionRoute(path: string): DistributionRoute {
  if (path === base || path === '/v2') return { kind: 'base' };
  if (!path.startsWith(base)) return unknown;
  if (path.length > maxPathLength)
    return invalid('NAME_INVALID', `The path has more than ${maxPathLength} characters.`);
  if (!path.includes('%')) return parseDecoded(path);
  const decoded = decodeOnce(path);
  if (decoded !== undefined) return parseDecoded(decoded);
  return invalidEscape(path);
}

function invalidEscape(path: string): InvalidRoute {
  const last = path.lastIndexOf('/');
  const front = path.slice(0, last);
  if (front.endsWith('/manifests') && decodeOnce(front) !== undefined)
    return invalidReference(path.slice(last + 1));
  return invalid(
    'NAME_INVALID',
    'The path has an escape of something that no name, tag or digest holds: those of letters, digits, ".", "_", "-" and ":" are taken.',
  );
}

function decodeOnce(path: string): string | undefined {
  let valid = true;
  const decoded = path.replace(escapePattern, (_, hex: string | undefined) => {
    const character = String.fromCharCode(Number.parseInt(hex ?? '0', 16));
    valid &&= escapable.test(character);
    return character;
  });
  return valid ? decoded : undefined;
}

function parseDecoded(path: string): DistributionRoute {
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  const last = path.lastIndexOf('/');
  const previous = path.lastIndexOf('/', last - 1);
  const noun = path.slice(previous + 1, last);
  const tail = path.slice(last + 1);
  const build = findBuilder(noun, tail);
  const end = noun === 'uploads' ? previous - blobsSegment.length : previous;
  // without a segment before the noun there is no name
  if (build === undefined || end <= base.length) return unknown;
  if (end !== previous && !path.endsWith(blobsSegment, previous)) return unknown;
  const text = path.slice(base.length, end);
  const name = parseRepositoryName(text);
  return name === undefined ? invalidName(text) : build(name, tail);
}

type Build = (name: RepositoryName, tail: string) => DistributionRoute;

function findBuilder(noun: string, tail: string): Build | undefined {
  switch (noun) {
    case 'manifests':
      return manifestRoute;
    case 'blobs':
      return tail === 'uploads' ? uploadsRoute : blobRoute;
    case 'referrers':
      return referrersRoute;
    case 'tags':
      return tail === 'list' ? tagsRoute : undefined;
    case 'uploads':
      return tail === '' ? uploadsRoute : uploadRoute;
    default:
      return undefined;
  }
}

function tagsRoute(name: RepositoryName): DistributionRoute {
  return { kind: 'tags', name };
}

function uploadsRoute(name: RepositoryName): DistributionRoute {
  return { kind: 'uploads', name };
}

function manifestRoute(name: RepositoryName, tail: string): DistributionRoute {
  const reference = parseReference(tail);
  if (reference !== undefined) return { kind: 'manifest', name, reference };
  return invalidReference(tail);
}

function invalidReference(tail: string): InvalidRoute {
  if (/:|%3a/i.test(tail)) return invalidDigest(tail);
  return invalid(
    'TAG_INVALID',
    `The tag "${shown(tail)}" is not valid: at most 128 letters, digits, "_", "." and "-", not starting with "." or "-".`,
  );
}

function blobRoute(name: RepositoryName, tail: string): DistributionRoute {
  const digest = parseDigest(tail);
  return digest === undefined ? invalidDigest(tail) : { kind: 'blob', name, digest };
}

function referrersRoute(name: RepositoryName, tail: string): DistributionRoute {
  const digest = parseDigest(tail);
  return digest === undefined ? invalidDigest(tail) : { kind: 'referrers', name, digest };
}

function uploadRoute(name: RepositoryName, id: string): DistributionRoute {
  if (uploadIdPattern.test(id)) return { kind: 'upload', name, id };
  return invalid('UPLOAD_NOT_FOUND', 'The upload id is not one of this registry: start a new upload.');
}

function invalidName(name: string): InvalidRoute {
  return invalid(
    'NAME_INVALID',
    `The repository name "${shown(name)}" is not valid: at most 255 characters, path components of lowercase letters ` +
      'and digits, joined by one ".", one or two "_", or any number of "-".',
  );
}

function invalidDigest(text: string): InvalidRoute {
  const cause = isDigestLike(text) ? 'has an unsupported algorithm or length' : 'is not valid';
  return invalid(
    'DIGEST_INVALID',
    `The digest "${shown(text)}" ${cause}: give sha256:<64 hex> or sha512:<128 hex>, lowercase.`,
  );
}

function invalid(code: InvalidRoute['code'], message: string): InvalidRoute {
  return { kind: 'invalid', code, message };
}

// What came in goes out in an error body: printable ASCII only, and short.
function shown(text: string): string {
  return text.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, '?');
}
