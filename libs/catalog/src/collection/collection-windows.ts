/** How long collection waits. All of it may be 0: then nothing is kept that is not referenced. */
export interface CollectionWindows {
  /** Seconds after a link, upload or untagging, or after an upload of the repository moved, before it is looked at. */
  readonly reviewSeconds: number;
  /** Seconds that a blob without links is kept, for the push that wants it again. */
  readonly quarantineSeconds: number;
  /** Days that deleted manifests stay in the recycle bin, where their project says nothing. */
  readonly recycleDays: number;
  /** Seconds that one process has for the removal of a batch of blobs before another one takes it over. */
  readonly leaseSeconds: number;
}
