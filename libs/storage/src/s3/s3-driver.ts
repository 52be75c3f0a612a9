import type {
  Appender,
  AppenderOptions,
  ByteRange,
  ChunkConsumer,
  DiscardGuard,
  ObjectEntry,
  ObjectLocation,
  ObjectStat,
  ResumePoint,
  StorageDriver,
} from '../driver.ts';
import { assertKeyPrefix, assertStorageKey } from '../storage-key.ts';
import { S3Bucket } from './s3-bucket.ts';
import { discardObjects } from './discard-objects.ts';
import { listLeftovers, removeLeftovers, removeLeftoversBelow } from './leftovers.ts';
import { readObject } from './object-reader.ts';
import { openConnection } from './open-connection.ts';
import { PartPool } from './part-pool.ts';
import { resumeAppender } from './resume-appender.ts';
import { S3Appender } from './s3-appender.ts';
import { createClient } from './s3-client.ts';
import type { S3Connection } from './s3-connection.ts';
import { defaultAnswerMs, defaultBufferBytes, defaultSizes, type S3Options } from './s3-options.ts';
import { UrlSigner } from './url-signer.ts';

/** Objects of a bucket of S3, or of a server that is compatible with it. */
export class S3Driver implements StorageDriver {
  readonly name = 's3';
  readonly appendBytes = 16 * 1024;
  readonly #options: S3Options;
  readonly #bucket: S3Bucket;
  readonly #pool: PartPool;
  readonly #signer: UrlSigner;
  #connection: Promise<S3Connection> | undefined;

  constructor(options: S3Options) {
    const { bucket, prefix = '', bufferBytes = defaultBufferBytes, sizes } = options;
    const { answerMs = defaultAnswerMs } = options;
    this.#options = options;
    this.#bucket = new S3Bucket(createClient(options, 'WHEN_SUPPORTED'), { name: bucket, prefix, answerMs });
    const { redirectEndpoint } = options;
    const client =
      redirectEndpoint === undefined
        ? this.#bucket.client
        : createClient({ ...options, endpoint: redirectEndpoint }, 'WHEN_SUPPORTED');
    this.#signer = new UrlSigner(client, this.#bucket.at(''));
    this.#pool = new PartPool(bufferBytes, sizes?.part ?? defaultSizes.part);
  }

  /** Lists, and the first time also writes: what the server can do is tried once. */
  async probe(): Promise<void> {
    await this.#bucket.assertListable();
    await this.#connect();
  }

  async stat(key: string): Promise<ObjectStat | undefined> {
    assertStorageKey(key);
    return this.#bucket.find(key);
  }

  async read(key: string, range: ByteRange | undefined, consume: ChunkConsumer): Promise<boolean> {
    assertStorageKey(key);
    return readObject(this.#bucket, key, range, consume);
  }

  async locate(key: string): Promise<ObjectLocation | undefined> {
    assertStorageKey(key);
    const { redirectSeconds } = this.#options;
    if (redirectSeconds === undefined) return undefined;
    const redirect = await this.#bucket.about('sign a URL of', key, () =>
      this.#signer.sign(key, redirectSeconds),
    );
    return { redirect };
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    assertStorageKey(key);
    const { bucket } = await this.#connect();
    await bucket.put(key, bytes);
  }

  async discard(keys: readonly string[], guard: DiscardGuard): Promise<ReadonlySet<string>> {
    for (const key of keys) assertStorageKey(key);
    return keys.length === 0 ? new Set() : discardObjects(await this.#connect(), keys, guard);
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) assertStorageKey(key);
    if (keys.length === 0) return;
    const { bucket, capabilities } = await this.#connect();
    await removeLeftovers(bucket, keys, capabilities);
    await bucket.remove(keys, capabilities);
  }

  async removeBelow(directory: string): Promise<void> {
    assertStorageKey(directory);
    const { bucket, capabilities } = await this.#connect();
    const below = `${directory}/`;
    await removeLeftoversBelow(bucket, below, capabilities);
    let batch: string[] = [];
    for await (const { key } of bucket.list(below)) {
      batch.push(key);
      if (batch.length < bucket.keysAtOnce) continue;
      await bucket.remove(batch, capabilities);
      batch = [];
    }
    await bucket.remove(batch, capabilities);
  }

  async *list(prefix: string): AsyncGenerator<ObjectEntry> {
    assertKeyPrefix(prefix);
    for await (const entry of this.#bucket.list(prefix)) {
      if (!entry.key.startsWith('~')) yield entry;
    }
    yield* listLeftovers(this.#bucket, prefix);
  }

  async create(key: string, options: AppenderOptions = {}): Promise<Appender> {
    assertStorageKey(key);
    return new S3Appender(await this.#connect(), { ...options, key });
  }

  async resume(key: string, from: ResumePoint, prefix: ChunkConsumer): Promise<Appender | undefined> {
    assertStorageKey(key);
    return resumeAppender(await this.#connect(), key, from, prefix);
  }

  #connect(): Promise<S3Connection> {
    if (this.#connection === undefined) {
      const opening = openConnection(this.#options, this.#bucket, this.#pool);
      this.#connection = opening;
      // what failed is tried again by whoever needs it next
      opening.catch(() => {
        this.#connection = undefined;
      });
    }
    return this.#connection;
  }
}
