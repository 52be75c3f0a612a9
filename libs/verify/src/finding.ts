import type { Digest } from '@entrepot/oci/digest';

/**
 * What is not as it should be with the bytes of a digest:
 * `unknown` no row names them, `missing` a live blob has none, `size` they are more or fewer than the row says, `bytes`
 * they hash to another digest, `whole` the row says damaged and they are not.
 */
export type FindingKind = 'unknown' | 'missing' | 'size' | 'bytes' | 'whole';

/** One thing that is wrong. `size`: what is in the storage, in bytes; 0 for nothing. */
export interface Finding {
  readonly kind: FindingKind;
  readonly digest: Digest;
  readonly size: number;
}

/** What a comparison saw. Sizes in bytes. */
export interface VerifyReport {
  /** Objects of the storage, and what they hold together. */
  readonly objects: number;
  readonly bytes: number;
  /** Objects that were read and hashed. */
  readonly hashed: number;
  /** Live blobs of the database. */
  readonly blobs: number;
  readonly findings: readonly Finding[];
  /** Whether the findings were repaired; `refused`: there are more than may be wrong. */
  readonly repair: 'not-asked' | 'done' | 'refused';
}
