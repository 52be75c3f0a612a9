import { digestAlgorithm, digestHex, digestOfHash, type Digest } from '@entrepot/oci/digest';

/**
 * A digest as the database keeps it: one byte for the algorithm (1 sha256, 2 sha512), then the hash. The
 * numbers are part of the schema and are never given to another algorithm.
 */
export function digestToBytes(digest: Digest): Buffer {
  return Buffer.from((digestAlgorithm(digest) === 'sha256' ? '01' : '02') + digestHex(digest), 'hex');
}

/** The digest that {@link digestToBytes} wrote. */
export function digestFromBytes(bytes: Uint8Array): Digest {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1).toString('hex');
  return digestOfHash(bytes[0] === 1 ? 'sha256' : 'sha512', hex);
}
