/** Bytes `[start, end)` of an object. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a driver knows of an object without reading it. */
export interface ObjectStat {
  readonly size: number;
  readonly modifiedAt: Date;
}

/** One line of a listing. */
export interface ObjectEntry extends ObjectStat {
  readonly key: string;
}

/**
 * Takes bytes in order. The chunk is the driver's again when the call returns, or when the promise that it
 * returned resolves: who keeps bytes copies them.
 */
export type ChunkConsumer = (chunk: Buffer) => void | Promise<void>;

/**
 * Where bytes can be had without this process: a URL for the client itself (S3: presigned), or the path under which a
 * reverse proxy serves the file (X-Accel-Redirect).
 */
export type ObjectLocation = { readonly redirect: string } | { readonly file: string };

/**
 * What must be remembered to go on with an appender in another process: JSON, opaque to everyone but the
 * driver. File system: nothing but the key. S3: the multipart id, the parts (number, ETag, size) that this
 * generation received, and the key of the durable tail below a part.
 */
export type AppenderState = Readonly<Record<string, unknown>>;

/** Whether a publish made the object, or found one of that key and left it alone. */
export type PublishResult = 'created' | 'exists';

/**
 * Bytes being added at a key of their own, by one writer, until they are published under their final key.
 * Calls do not overlap. Every failure rejects with an AppError (`STORAGE_FULL`, `STORAGE_FAILED`); after one
 * only `discard` and `close` may be called.
 */
export interface Appender {
  /** Bytes taken so far, durable or not. */
  readonly size: number;
  /** Adds bytes. The chunks must not change until the promise resolves. */
  append(chunks: readonly Buffer[]): Promise<void>;
  /** Makes everything that was appended durable, and returns what resumes it. */
  flush(): Promise<AppenderState>;
  /** Hands everything that was appended to `consume`, in order, durable or not: a digest of another algorithm. */
  readBack(consume: ChunkConsumer): Promise<void>;
  /**
   * Makes the bytes durable and visible as the object at `key`, atomically. An existing object is left alone
   * unless `replace` (the healing of a damaged blob). The appender has ended.
   * File system: fdatasync, link without replacing, fsync of each directory that is new, in that order.
   * S3: complete (straight at `key` when `finalKey` was given), or UploadPartCopy.
   */
  publish(key: string, options?: { replace?: boolean }): Promise<PublishResult>;
  /** Forgets the bytes. Idempotent. */
  discard(): Promise<void>;
  /** Lets go of descriptors and buffers, keeps the bytes for `resume`. */
  close(): Promise<void>;
}

/** What helps a driver to place an upload. */
export interface AppenderOptions {
  /** The key at which it will be published, when the client declared the digest: S3 writes there at once. */
  readonly finalKey?: string;
  /** Bytes to expect, when the client said so: chooses the size of parts. */
  readonly expectedSize?: number;
}

/** What decides about objects that are discarded. */
export interface DiscardGuard {
  /** The key, of this call alone, at which a driver that can move objects keeps one until it is confirmed. */
  trashKey(key: string): string;
  /**
   * Those of the keys whose objects may go for good. Asked once, and as late as the driver can: what is at the key by
   * now may have been put there by somebody who was told that the key is free.
   */
  confirm(keys: readonly string[]): Promise<ReadonlySet<string>>;
}

/**
 * Bytes at keys. A key is segments of `[A-Za-z0-9._-]+` joined by `/`, none of them `.` or `..`. A driver knows
 * nothing of registries: digests, repositories and uploads are libs/content-store's. One conformance suite
 * (conformance.ts) holds for all of them.
 *
 * Every method rejects with an AppError: `STORAGE_FULL` when there is no room, `STORAGE_FAILED` otherwise, with
 * the key and the cause in the message.
 */
export interface StorageDriver {
  readonly name: string;
  /**
   * Bytes that one `append` should bring. Default: 1 MiB, since system calls are dear. S3 copies them into a part, and
   * may let them wait for memory: the fewer the better.
   */
  readonly appendBytes?: number;
  /** Refuses with cause and fix when the storage is not there, not writable, or lacks what the driver needs. */
  probe(): Promise<void>;
  stat(key: string): Promise<ObjectStat | undefined>;
  /**
   * Hands the object's bytes, or `range` of them clipped to its end, to `consume` in order. `false` when there is
   * no such object. What `consume` throws ends the read and is thrown on.
   */
  read(key: string, range: ByteRange | undefined, consume: ChunkConsumer): Promise<boolean>;
  /** Where the bytes can be had without this process, asked of an object that is there; `undefined`: nowhere. */
  locate(key: string): Promise<ObjectLocation | undefined>;
  /** Writes a small object whole, replacing what is there, durable when it resolves. */
  put(key: string, bytes: Buffer): Promise<void>;
  /**
   * Removes objects that somebody else may have put anew since it was decided, by a process that may have been paused
   * since. File system: moves each to its trash key, asks, and removes it there or puts it back; a crash leaves it at
   * the trash key. S3: asks, then deletes at once, only what is older than the call. Objects that are not there are no
   * error. Returns the keys whose objects are gone. What `confirm` throws is thrown on, with nothing removed.
   */
  discard(keys: readonly string[], guard: DiscardGuard): Promise<ReadonlySet<string>>;
  /** Removes objects, and what appenders left at such a key; those that are not there are no error. */
  remove(keys: readonly string[]): Promise<void>;
  /**
   * Removes every object below `directory` (`a/b`: those whose keys start with `a/b/`), and all that a listing of
   * directories would still show of it. Others that write there meanwhile may keep what they wrote, or lose it.
   */
  removeBelow(directory: string): Promise<void>;
  /** Every object whose key starts with `prefix`, in no promised order. */
  list(prefix: string): AsyncIterable<ObjectEntry>;
  /** Opens a new appender at a key that nobody else uses. */
  create(key: string, options?: AppenderOptions): Promise<Appender>;
  /**
   * Goes on with an appender whose `flush` returned `state` with `size` bytes, as the only writer: bytes that
   * came after that flush are dropped, and late writes of the old writer can never reach it (file system: the
   * acknowledged prefix is copied to `key`, a new one, and the old key stays until it is removed: what flush returned
   * must resume until the next flush is remembered). `prefix` sees the acknowledged bytes in order.
   * `undefined` when they are gone or shorter.
   */
  resume(key: string, from: ResumePoint, prefix: ChunkConsumer): Promise<Appender | undefined>;
}

/** The last durable point of an appender. */
export interface ResumePoint {
  readonly key: string;
  readonly state: AppenderState;
  readonly size: number;
}
