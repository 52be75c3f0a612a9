/** A content digest of a registered algorithm, `sha256:<64 hex>` or `sha512:<128 hex>`; made by {@link parseDigest}. */
export type Digest = string & { readonly __brand: 'Digest' };

/** The registered algorithms (image-spec, descriptor.md § Registered algorithms) that this registry accepts. */
export type DigestAlgorithm = 'sha256' | 'sha512';

const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

// algorithm ::= component (separator component)*; encoded ::= [a-zA-Z0-9=_-]+
const digestGrammar = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

/**
 * Reads a digest (image-spec, descriptor.md § Digests): a registered algorithm and lowercase hex of its exact
 * length. Anything else, upper-case hex included, is undefined.
 */
export function parseDigest(text: string): Digest | undefined {
  return digestPattern.test(text) ? (text as Digest) : undefined;
}

/** The algorithm of a digest. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.charCodeAt(3) === 0x32 ? 'sha256' : 'sha512';
}

/** The lowercase hex of a digest: 64 characters for sha256, 128 for sha512. */
export function digestHex(digest: Digest): string {
  return digest.slice(7);
}

/** The digest of an algorithm and its lowercase hex; undefined when the hex is not of that algorithm. */
export function makeDigest(algorithm: DigestAlgorithm, hex: string): Digest | undefined {
  return parseDigest(`${algorithm}:${hex}`);
}

/** The digest of a hash that a hash function made, in lowercase hex. A hash of another length is a defect: RangeError. */
export function digestOfHash(algorithm: DigestAlgorithm, hex: string): Digest {
  const digest = makeDigest(algorithm, hex);
  if (digest === undefined) throw new RangeError(`not a ${algorithm} hash: ${hex}`);
  return digest;
}

/**
 * Whether `text` follows the digest grammar of image-spec whatever its algorithm: tells an unsupported digest
 * (`md5:…`, `sha256` of the wrong length) from a malformed tag.
 */
export function isDigestLike(text: string): boolean {
  return digestGrammar.test(text);
}
