import { createHash, randomUUID } from 'node:crypto';
import { AppError } from '@entrepot/errors/app-error';
import { digestAlgorithm, digestOfHash, type Digest, type DigestAlgorithm } from '@entrepot/oci/digest';
import type { ByteRange, ChunkConsumer, ObjectLocation, StorageDriver } from '@entrepot/storage/driver';
import { BlobWriter, type FlushedUpload } from './blob-writer.ts';
import { GatherBudget } from './gather-budget.ts';
import {
  blobDigest,
  blobKey,
  blobPrefix,
  trashKey,
  trashOfKey,
  trashPrefix,
  uploadKey,
  uploadOfKey,
  uploadPrefix,
} from './layout.ts';

const gatherLimit = 16 * 1024 * 1024;

/** What the client said of an upload when it opened it. */
export interface UploadOptions {
  /** The algorithm in which its digest will be asked for. */
  readonly algorithm: DigestAlgorithm;
  /** The digest that it promises. */
  readonly declaredDigest?: Digest;
  /** Bytes that it promises. */
  readonly expectedSize?: number;
}

/** The last durable point of an upload, and the generation of the writer that reached it. */
export interface UploadPoint extends FlushedUpload {
  readonly generation: number;
}

/** One line of a listing of blobs. */
export interface StoredBlob {
  readonly digest: Digest;
  readonly size: number;
  readonly modifiedAt: Date;
}

/** One line of a listing of uploads: what the writer of one generation left. */
export interface StoredUpload {
  readonly uuid: string;
  readonly generation: number;
  readonly modifiedAt: Date;
}

/** Bytes of a blob that a removal left behind whose process died, or that is still at work. */
export interface TrashedBlob {
  readonly digest: Digest;
  /** Under which they were being removed. */
  readonly lease: string;
}

/** Those of the digests whose bytes may go for good, asked as late as the storage can. */
export type ConfirmRemoval = (digests: readonly Digest[]) => Promise<ReadonlySet<Digest>>;

/**
 * Blobs by digest and uploads by id, on a storage driver. It knows bytes and nothing else: which repository may
 * read a blob, and who may write to an upload, is for libs/catalog and libs/ingest.
 *
 * Throws what its driver throws: AppError `STORAGE_FULL`, `STORAGE_FAILED`.
 */
export class ContentStore {
  readonly driver: StorageDriver;
  readonly #budget: GatherBudget;

  constructor(driver: StorageDriver) {
    this.driver = driver;
    this.#budget = new GatherBudget(gatherLimit, driver.appendBytes);
  }

  /** Bytes of the blob; `undefined` when there is none. */
  async stat(digest: Digest): Promise<number | undefined> {
    return (await this.driver.stat(blobKey(digest)))?.size;
  }

  /** Hands the blob's bytes, or `range` of them, to `consume` in order; `false` when there is no such blob. */
  read(digest: Digest, range: ByteRange | undefined, consume: ChunkConsumer): Promise<boolean> {
    return this.driver.read(blobKey(digest), range, consume);
  }

  /**
   * The whole blob, for what has to be parsed; `undefined` when there is none.
   *
   * @throws AppError `TOO_LARGE` when it has more than `maxBytes`.
   */
  async readWhole(digest: Digest, maxBytes: number): Promise<Buffer | undefined> {
    const chunks: Buffer[] = [];
    let size = 0;
    const found = await this.driver.read(blobKey(digest), { start: 0, end: maxBytes + 1 }, (chunk) => {
      size += chunk.length;
      chunks.push(Buffer.from(chunk));
    });
    if (!found) return undefined;
    if (size > maxBytes) throw new AppError('TOO_LARGE', `${digest} has more than ${maxBytes} bytes`);
    return Buffer.concat(chunks, size);
  }

  /** Where the blob's bytes can be had without this process, asked of a blob that is there. */
  locate(digest: Digest): Promise<ObjectLocation | undefined> {
    return this.driver.locate(blobKey(digest));
  }

  /** Every blob of the store, in no promised order; keys that are no blob's are passed over. */
  async *listBlobs(): AsyncGenerator<StoredBlob> {
    for await (const { key, size, modifiedAt } of this.driver.list(blobPrefix)) {
      const digest = blobDigest(key);
      if (digest !== undefined) yield { digest, size, modifiedAt };
    }
  }

  /**
   * Removes the bytes of blobs under `lease`, a UUID of this call alone, as far as `confirm` still agrees: a process
   * that was paused for long takes nothing that was published since. Returns those whose bytes are gone by this call.
   */
  async discardBlobs(
    digests: readonly Digest[],
    lease: string,
    confirm: ConfirmRemoval,
  ): Promise<ReadonlySet<Digest>> {
    const byKey = new Map(digests.map((digest) => [blobKey(digest), digest]));
    const digestOf = (key: string): Digest => {
      const digest = byKey.get(key);
      if (digest === undefined) throw new Error(`${key} was not to be discarded`);
      return digest;
    };
    const gone = await this.driver.discard([...byKey.keys()], {
      trashKey: (key) => trashKey(digestOf(key), lease),
      confirm: async (keys) => new Set([...(await confirm(keys.map(digestOf)))].map(blobKey)),
    });
    return new Set([...gone].map(digestOf));
  }

  /** What removals have not finished, in no promised order. */
  async *listTrash(): AsyncGenerator<TrashedBlob> {
    for await (const { key } of this.driver.list(trashPrefix)) {
      const trashed = trashOfKey(key);
      if (trashed !== undefined) yield trashed;
    }
  }

  /**
   * Makes the bytes of a removal that did not finish the blob again, unless it has bytes by now or they are no longer
   * its own, and forgets them.
   */
  async restoreTrash(trashed: TrashedBlob): Promise<void> {
    if ((await this.stat(trashed.digest)) === undefined) await this.#publishTrash(trashed);
    await this.removeTrash(trashed);
  }

  async #publishTrash({ digest, lease }: TrashedBlob): Promise<void> {
    const writer = await this.openUpload(randomUUID(), 0, { algorithm: digestAlgorithm(digest) });
    try {
      await this.driver.read(trashKey(digest, lease), undefined, (chunk) => writer.write(Buffer.from(chunk)));
      if ((await writer.digest(digestAlgorithm(digest))) === digest) await writer.publish(digest);
    } finally {
      await writer.discard();
    }
  }

  /** Forgets the bytes that a removal left. Idempotent. */
  removeTrash({ digest, lease }: TrashedBlob): Promise<void> {
    return this.driver.remove([trashKey(digest, lease)]);
  }

  /** The bytes of every upload, in no promised order. */
  async *listUploads(): AsyncGenerator<StoredUpload> {
    for await (const { key, modifiedAt } of this.driver.list(uploadPrefix)) {
      const upload = uploadOfKey(key);
      if (upload !== undefined) yield { ...upload, modifiedAt };
    }
  }

  /** Reads the blob to see whether its bytes are those of its digest; `undefined` when there is none. */
  async isWhole(digest: Digest): Promise<boolean | undefined> {
    const algorithm = digestAlgorithm(digest);
    const hash = createHash(algorithm);
    const found = await this.read(digest, undefined, (chunk) => void hash.update(chunk));
    return found ? digestOfHash(algorithm, hash.digest('hex')) === digest : undefined;
  }

  /**
   * Writes a small blob whole, in place of what is at its key, durable when it resolves. `INTERNAL` when the bytes are
   * those of another digest.
   */
  async putWhole(digest: Digest, bytes: Buffer): Promise<void> {
    const algorithm = digestAlgorithm(digest);
    if (digestOfHash(algorithm, createHash(algorithm).update(bytes).digest('hex')) !== digest) {
      throw new AppError('INTERNAL', `the bytes are not those of ${digest}`);
    }
    await this.driver.put(blobKey(digest), bytes);
  }

  /** Opens the upload `uuid` for the writer of `generation`, which nobody else is. */
  async openUpload(uuid: string, generation: number, options: UploadOptions): Promise<BlobWriter> {
    const { algorithm, declaredDigest, expectedSize } = options;
    const appender = await this.driver.create(uploadKey(uuid, generation), {
      ...(declaredDigest === undefined ? {} : { finalKey: blobKey(declaredDigest) }),
      ...(expectedSize === undefined ? {} : { expectedSize }),
    });
    return new BlobWriter({ appender, algorithm, hash: createHash(algorithm), budget: this.#budget });
  }

  /**
   * Goes on with an upload that another writer left at `from`, as the writer of the new `generation`. Its durable
   * bytes are hashed in the same pass. `undefined` when they are gone. The old generation's bytes stay until
   * `discardUpload`: remember the new one's first flush before.
   */
  async resumeUpload(
    uuid: string,
    generation: number,
    from: UploadPoint,
    algorithm: DigestAlgorithm,
  ): Promise<BlobWriter | undefined> {
    const hash = createHash(algorithm);
    const point = { key: uploadKey(uuid, from.generation), state: from.state, size: from.size };
    const appender = await this.driver.resume(
      uploadKey(uuid, generation),
      point,
      (chunk) => void hash.update(chunk),
    );
    return appender && new BlobWriter({ appender, algorithm, hash, budget: this.#budget });
  }

  /** Forgets the bytes that the writer of `generation` left. Idempotent. */
  discardUpload(uuid: string, generation: number): Promise<void> {
    return this.driver.remove([uploadKey(uuid, generation)]);
  }
}
