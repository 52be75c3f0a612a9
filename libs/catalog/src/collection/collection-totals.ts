/** What a run of collection has done so far. */
export interface CollectionTotals {
  /** Reviews that were due. */
  looked: number;
  /** Manifests removed for good, from the recycle bin. */
  manifests: number;
  /** Untagged manifests that went to the recycle bin because their project wants it so. */
  untagged: number;
  /** Blobs taken out of repositories that use them no more. */
  links: number;
  /** Blobs that went into quarantine. */
  quarantined: number;
  /** Blobs removed for good. */
  blobs: number;
  /** Bytes that the storage gave back. */
  bytes: number;
}
