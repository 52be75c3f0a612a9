import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { AppError } from '@entrepot/errors/app-error';
import type { ByteRange, PublishResult } from '../driver.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { abortUpload, markUpload, type UploadMark } from './leftovers.ts';
import type { PartLoan } from './part-pool.ts';
import type { S3Connection } from './s3-connection.ts';
import { refusalOf } from './s3-error.ts';

const mostInFlight = 4;

/** How a multipart upload is begun or gone on with. */
export interface UploadPlace {
  /** The key at which it will be visible. */
  readonly key: string;
  /** The key of the appender that keeps its mark. */
  readonly keptBy: string;
}

/** The parts of one multipart upload that this process sent and got an answer for; no others are ever completed. */
export class MultipartUpload {
  readonly mark: UploadMark;
  readonly #connection: S3Connection;
  readonly #etags: (string | undefined)[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #failure: { readonly error: unknown } | undefined;

  private constructor(connection: S3Connection, mark: UploadMark) {
    this.#connection = connection;
    this.mark = mark;
  }

  /** Begins an upload, and names it beside its appender before it has parts. */
  static async begin(connection: S3Connection, { key, keptBy }: UploadPlace): Promise<MultipartUpload> {
    const { bucket } = connection;
    const { UploadId: id } = await bucket.about('begin an upload to', key, () =>
      bucket.client.send(new CreateMultipartUploadCommand(bucket.at(key))),
    );
    if (id === undefined)
      throw new AppError('STORAGE_FAILED', `the server gave no id for an upload to ${key}`);
    const mark = { key, id };
    try {
      await markUpload(bucket, keptBy, mark);
    } catch (error) {
      await abortUpload(bucket, mark).catch(() => undefined);
      throw error;
    }
    return new MultipartUpload(connection, mark);
  }

  /** How many parts it has, those under way included. */
  get count(): number {
    return this.#etags.length;
  }

  /** The ETags of its parts, in order; none may be under way. */
  get etags(): string[] {
    return this.#etags.map((etag) => etag ?? '');
  }

  /** Sends the next part, and goes on while a few are under way. What fails is thrown by a later call. */
  async send(bytes: Buffer, loan: PartLoan | undefined): Promise<void> {
    const number = this.#reserve();
    this.#track(this.#upload(number, bytes).finally(() => loan?.release()));
    while (this.#inFlight.size >= mostInFlight) await Promise.race(this.#inFlight);
    this.#throwFailure();
  }

  /** Copies `range` of another object as the next part. */
  async copy(from: string, range: ByteRange): Promise<void> {
    const { bucket } = this.#connection;
    const number = this.#reserve();
    const { CopyPartResult: result } = await bucket.about('copy a part to', this.mark.key, () =>
      bucket.client.send(
        new UploadPartCopyCommand({
          ...this.#part(number),
          CopySource: bucket.sourceAt(from),
          CopySourceRange: `bytes=${range.start}-${range.end - 1}`,
        }),
        { abortSignal: this.#end.signal },
      ),
    );
    this.#etags[number - 1] = result?.ETag;
  }

  /** Waits until every part that was sent is durable. */
  async settle(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  /** Makes the parts, `size` bytes in all, the object. With `ifAbsent` one that is there is left alone. */
  async complete(size: number, options: { readonly ifAbsent: boolean }): Promise<PublishResult> {
    await this.settle();
    return completeUpload(this.#connection, { mark: this.mark, etags: this.etags, size }, options);
  }

  /** Stops what is under way and forgets the parts. Idempotent. */
  async abort(): Promise<void> {
    await this.stop();
    await abortUpload(this.#connection.bucket, this.mark);
  }

  /** Stops what is under way; the parts that were sent stay. */
  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#inFlight);
  }

  #reserve(): number {
    this.#throwFailure();
    return this.#etags.push(undefined);
  }

  #part(number: number) {
    return {
      ...this.#connection.bucket.at(this.mark.key),
      UploadId: this.mark.id,
      PartNumber: number,
    };
  }

  async #upload(number: number, bytes: Buffer): Promise<void> {
    const { bucket } = this.#connection;
    const { ETag: etag } = await bucket.about('write a part of', this.mark.key, () =>
      bucket.client.send(new UploadPartCommand({ ...this.#part(number), Body: bytes }), {
        abortSignal: this.#end.signal,
      }),
    );
    this.#etags[number - 1] = etag;
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#inFlight.delete(tracked));
    this.#inFlight.add(tracked);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** An upload that has all its parts. */
export interface FinishedUpload {
  readonly mark: UploadMark;
  readonly etags: readonly string[];
  /** Bytes of its parts together. */
  readonly size: number;
}

/**
 * Completes an upload of this process or of another. When the answer is lost, or says that the upload has ended
 * already, the object itself decides: there, with all its bytes, it is complete.
 */
export async function completeUpload(
  connection: S3Connection,
  { mark, etags, size }: FinishedUpload,
  { ifAbsent }: { readonly ifAbsent: boolean },
): Promise<PublishResult> {
  const { bucket, capabilities } = connection;
  if (ifAbsent && !capabilities.conditionalComplete && (await bucket.find(mark.key)) !== undefined) {
    await abortUpload(bucket, mark);
    return 'exists';
  }
  return bucket.about('complete', mark.key, async () => {
    try {
      await bucket.client.send(
        new CompleteMultipartUploadCommand({
          ...bucket.at(mark.key),
          UploadId: mark.id,
          MultipartUpload: { Parts: etags.map((etag, index) => ({ PartNumber: index + 1, ETag: etag })) },
          ...(ifAbsent && capabilities.conditionalComplete ? { IfNoneMatch: '*' } : {}),
        }),
      );
      return 'created';
    } catch (error) {
      return outcomeByObject(bucket, { mark, size }, error);
    }
  });
}

/** What became of an upload whose completion failed with `error`, or got no answer. */
async function outcomeByObject(
  bucket: S3Bucket,
  { mark, size }: Omit<FinishedUpload, 'etags'>,
  error: unknown,
): Promise<PublishResult> {
  const { status } = refusalOf(error);
  if (status === 412) {
    await abortUpload(bucket, mark);
    return 'exists';
  }
  const isCertain = status >= 400 && status < 500 && status !== 404 && status !== 409;
  if (!isCertain && (await bucket.find(mark.key))?.size === size) return 'created';
  throw error;
}
