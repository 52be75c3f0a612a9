import { setTimeout as sleep } from 'node:timers/promises';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type HeadObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { AppError } from '@entrepot/errors/app-error';
import type { ObjectEntry, ObjectStat, PublishResult } from '../driver.ts';
import type { Capabilities } from './capabilities.ts';
import { inParallel } from './in-parallel.ts';
import { isStatus, s3Error } from './s3-error.ts';

const conflicts = 5;
/** A removal that was decided must not come about long after. */
const removalMs = 30_000;

/** Keys and where they are: a bucket, and what every key in it begins with. */
export interface BucketPlace {
  readonly name: string;
  readonly prefix: string;
  /** How long one attempt waits for the answer to a question, in milliseconds. */
  readonly answerMs: number;
}

/** An object of the bucket, as the requests of the SDK name it. */
export interface ObjectAddress {
  readonly Bucket: string;
  readonly Key: string;
}

/**
 * Single objects of one bucket. Every method rejects with an AppError (`STORAGE_FULL`, `STORAGE_FAILED`) that names
 * the object.
 */
export class S3Bucket {
  readonly client: S3Client;
  /** How many objects one request removes. */
  readonly keysAtOnce = 1_000;
  readonly #place: BucketPlace;

  constructor(client: S3Client, place: BucketPlace) {
    this.client = client;
    this.#place = place;
  }

  /** What a request is sent with that asks for little. */
  get brief(): { readonly requestTimeout: number } {
    return { requestTimeout: this.#place.answerMs };
  }

  /** The same bucket by another client. */
  withClient(client: S3Client): S3Bucket {
    return new S3Bucket(client, this.#place);
  }

  /** The object at `key`, for a request. */
  at(key: string): ObjectAddress {
    return { Bucket: this.#place.name, Key: this.#place.prefix + key };
  }

  /** The object at `key`, as the source of a copy. */
  sourceAt(key: string): string {
    return `${this.#place.name}/${encodeURI(this.#place.prefix + key)}`;
  }

  /** Runs requests about `key`, and translates what goes wrong. */
  async about<Result>(action: string, key: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw this.errorAbout(action, key, error);
    }
  }

  /** What went wrong with `key`, translated. */
  errorAbout(action: string, key: string, error: unknown): AppError {
    return s3Error(error, action, `s3://${this.#place.name}/${this.#place.prefix}${key}`);
  }

  /** What is known of the object; `undefined` when there is none. */
  async find(key: string): Promise<ObjectStat | undefined> {
    const head = await this.#head(key);
    return head && { size: head.ContentLength ?? 0, modifiedAt: head.LastModified ?? new Date(0) };
  }

  /** The ETag of the object; `undefined` when there is none. */
  async findEtag(key: string): Promise<string | undefined> {
    const head = await this.#head(key);
    return head && (head.ETag ?? '');
  }

  /** Writes a whole object, replacing what is there. */
  put(key: string, bytes: Buffer): Promise<void> {
    return this.about('write', key, async () => {
      await this.client.send(new PutObjectCommand({ ...this.at(key), Body: bytes }));
    });
  }

  /** Writes a whole object unless there is one. Not atomic where the server knows no conditions. */
  putNew(key: string, bytes: Buffer, { conditionalPut }: Capabilities): Promise<PublishResult> {
    return this.about('write', key, async () => {
      if (!conditionalPut) {
        if ((await this.find(key)) !== undefined) return 'exists';
        await this.put(key, bytes);
        return 'created';
      }
      return this.#putIfAbsent(key, bytes);
    });
  }

  /** Copies an object within the bucket by one request: up to 5 GiB. */
  copy(from: string, to: string): Promise<void> {
    return this.about('copy to', to, async () => {
      await this.client.send(
        new CopyObjectCommand({ ...this.at(to), CopySource: this.sourceAt(from), MetadataDirective: 'COPY' }),
      );
    });
  }

  /** Removes objects; those that are not there are no error. */
  async remove(keys: readonly string[], { batchDelete }: Capabilities): Promise<void> {
    const [only] = keys;
    if (only === undefined) return;
    if (keys.length === 1) return this.#removeOne(only);
    if (!batchDelete) return inParallel(keys, (key) => this.#removeOne(key));
    for (let at = 0; at < keys.length; at += this.keysAtOnce) {
      await this.#removeBatch(keys.slice(at, at + this.keysAtOnce).map((key) => [key, undefined]));
    }
  }

  /**
   * Removes objects, at most `keysAtOnce`, by key and ETag; one that has another ETag by now stays, where the server
   * compares them. Ends within half a minute. Returns the keys of those that are gone.
   */
  async removeUnchanged(
    etags: ReadonlyMap<string, string>,
    { batchDelete, conditionalDelete }: Capabilities,
  ): Promise<string[]> {
    const keys = [...etags.keys()];
    if (batchDelete) {
      const kept = await this.#removeBatch(
        [...etags].map(([key, etag]) => [key, conditionalDelete ? etag : undefined]),
      );
      return keys.filter((key) => !kept.has(key));
    }
    await inParallel(keys, (key) => this.#removeOne(key));
    return keys;
  }

  /** Refuses when the bucket is not there or can not be listed. */
  async assertListable(): Promise<void> {
    const { Bucket: bucket, Key: prefix } = this.at('~');
    await this.about('list', '', () =>
      this.client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }), this.brief),
    );
  }

  /** Every object whose key starts with `prefix`, in byte order of their keys. */
  async *list(prefix: string): AsyncGenerator<ObjectEntry> {
    const { Bucket: bucket, Key: from } = this.at(prefix);
    const own = this.#place.prefix.length;
    let after: string | undefined;
    do {
      const request = { Bucket: bucket, Prefix: from, ...(after && { ContinuationToken: after }) };
      const page = await this.about('list', prefix, () =>
        this.client.send(new ListObjectsV2Command(request), this.brief),
      );
      for (const { Key: key = '', Size: size = 0, LastModified: modifiedAt } of page.Contents ?? []) {
        yield { key: key.slice(own), size, modifiedAt: modifiedAt ?? new Date(0) };
      }
      after = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (after !== undefined);
  }

  async #putIfAbsent(key: string, bytes: Buffer): Promise<PublishResult> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.client.send(new PutObjectCommand({ ...this.at(key), Body: bytes, IfNoneMatch: '*' }));
        return 'created';
      } catch (error) {
        if (isStatus(error, 412)) return 'exists';
        // others write the same key at this moment: one of them will have made it
        if (!isStatus(error, 409) || tries === conflicts) throw error;
        await sleep(100 * tries);
      }
    }
  }

  #removeOne(key: string): Promise<void> {
    return this.about('remove', key, async () => {
      try {
        await this.client.send(new DeleteObjectCommand(this.at(key)), {
          abortSignal: AbortSignal.timeout(removalMs),
        });
      } catch (error) {
        if (!isStatus(error, 404)) throw error;
      }
    });
  }

  /** Removes one batch, of those with an ETag only what still has it; returns the keys of those that had not. */
  #removeBatch(entries: readonly (readonly [string, string | undefined])[]): Promise<Set<string>> {
    return this.about('remove', entries[0]?.[0] ?? '', async () => {
      const objects = entries.map(([key, etag]) => ({
        Key: this.at(key).Key,
        ...(etag === undefined ? {} : { ETag: etag }),
      }));
      const answer = await this.client.send(
        new DeleteObjectsCommand({ Bucket: this.#place.name, Delete: { Objects: objects, Quiet: true } }),
        { abortSignal: AbortSignal.timeout(removalMs) },
      );
      const kept = new Set<string>();
      for (const { Code: code = 'Error', Key: key = '', Message: message = '' } of answer.Errors ?? []) {
        if (code === 'NoSuchKey') continue;
        const metadata = { $metadata: answer.$metadata };
        if (code !== 'PreconditionFailed') throw Object.assign(new Error(message), { name: code }, metadata);
        kept.add(key.slice(this.#place.prefix.length));
      }
      return kept;
    });
  }

  #head(key: string): Promise<HeadObjectCommandOutput | undefined> {
    return this.about('look at', key, async () => {
      try {
        return await this.client.send(new HeadObjectCommand(this.at(key)), this.brief);
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    });
  }
}
