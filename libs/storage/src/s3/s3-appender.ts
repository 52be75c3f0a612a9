import { AppError } from '@entrepot/errors/app-error';
import type { Appender, AppenderOptions, AppenderState, ChunkConsumer, PublishResult } from '../driver.ts';
import { assertStorageKey } from '../storage-key.ts';
import { writeState } from './appender-state.ts';
import { copyParts } from './copy-object.ts';
import { DurableTail } from './durable-tail.ts';
import { leftoverKey } from './leftovers.ts';
import { MultipartUpload } from './multipart-upload.ts';
import { readObject } from './object-reader.ts';
import { PartBuffer } from './part-buffer.ts';
import { publishParts, publishSmall } from './publish-appended.ts';
import type { S3Connection } from './s3-connection.ts';

/** A client that has sent nothing for so long gives its memory to others that wait. */
const idleMs = 2_000;

/** What an appender is opened with. */
export interface S3AppenderOptions extends AppenderOptions {
  readonly key: string;
}

/** An object that holds whole parts of another generation. */
export interface PartsObject {
  readonly key: string;
  readonly size: number;
  readonly partBytes: number;
}

/**
 * Bytes on their way into an object: whole parts as a multipart upload, at the final key when that is known, else at
 * the appender's own; the rest in memory of the pool, and durable as an object beside after each flush.
 */
export class S3Appender implements Appender {
  readonly #connection: S3Connection;
  readonly #key: string;
  readonly #finalKey: string | undefined;
  readonly #tail: DurableTail;
  #partBytes: number;
  #buffer: PartBuffer;
  /** Whether the tail's object has what the buffer has, or has it alone. */
  #isSaved = true;
  #upload: MultipartUpload | undefined;
  #givingBack: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #size = 0;
  #hasEnded = false;
  /** Whether there may be an object at the appender's own key. */
  #hasOwnObject = false;

  constructor(connection: S3Connection, { key, finalKey, expectedSize = 0 }: S3AppenderOptions) {
    const { sizes, pool } = connection;
    this.#connection = connection;
    this.#key = key;
    this.#finalKey = finalKey;
    this.#partBytes = expectedSize > sizes.large ? sizes.largePart : sizes.part;
    this.#tail = new DurableTail(connection, key);
    const capacity = expectedSize > 0 ? Math.min(this.#partBytes, expectedSize) : this.#partBytes;
    this.#buffer = new PartBuffer(pool, capacity);
  }

  get size(): number {
    return this.#size;
  }

  append(chunks: readonly Buffer[]): Promise<void> {
    return this.#working(async () => {
      for (const chunk of chunks) {
        for (let at = 0; at < chunk.length;) {
          await this.#makeRoom();
          const taken = await this.#buffer.fill(chunk, at);
          this.#isSaved = false;
          this.#size += taken;
          at += taken;
        }
      }
      this.#offerMemory();
    });
  }

  flush(): Promise<AppenderState> {
    return this.#working(async () => {
      if (!this.#isSaved) await this.#save();
      await this.#upload?.settle();
      await this.#tail.remember();
      this.#offerMemory();
      const upload = this.#upload;
      return writeState({
        parts: upload && { mark: upload.mark, partBytes: this.#partBytes, etags: upload.etags },
        tail: this.#tail.current,
      });
    });
  }

  readBack(consume: ChunkConsumer): Promise<void> {
    return this.#working(async () => {
      if (this.#upload !== undefined) {
        const own = await this.#completeOwn(this.#upload);
        await readObject(this.#connection.bucket, own.key, { start: 0, end: own.size }, consume);
        await this.#goOnFrom(own);
      }
      if (this.#buffer.length > 0) await consume(this.#buffer.bytes);
      else await this.#tail.read(consume);
      this.#offerMemory();
    });
  }

  publish(key: string, options: { readonly replace?: boolean } = {}): Promise<PublishResult> {
    return this.#working(async () => {
      assertStorageKey(key);
      const upload = this.#upload;
      // what is not at its final key is made an object here before it is copied
      if (upload?.mark.key === this.#key) this.#hasOwnObject = true;
      const target = { key, ifAbsent: options.replace !== true };
      const appended = { ownKey: this.#key, size: this.#size, buffer: this.#buffer, tail: this.#tail };
      const result =
        upload === undefined
          ? await publishSmall(this.#connection, appended, target)
          : await publishParts(this.#connection, upload, appended, target);
      this.#hasEnded = true;
      this.#buffer.drop();
      this.#upload = undefined;
      // the object is there: what is left beside it is found by whoever looks for abandoned appenders
      await this.#removeOwn(upload !== undefined).catch(() => undefined);
      return result;
    });
  }

  async discard(): Promise<void> {
    const upload = this.#upload;
    await this.close();
    this.#upload = undefined;
    await upload?.abort();
    await this.#removeOwn(upload !== undefined);
    this.#hasOwnObject = false;
  }

  async close(): Promise<void> {
    this.#hasEnded = true;
    this.#buffer.loan?.retract();
    await this.#upload?.stop();
    await this.#givingBack;
    this.#buffer.drop();
  }

  /** Takes over whole parts of another generation, by copies within the bucket. Nothing was appended yet. */
  adopt(parts: PartsObject): Promise<void> {
    return this.#working(async () => {
      this.#partBytes = parts.partBytes;
      this.#buffer = new PartBuffer(this.#connection.pool, parts.partBytes);
      await this.#goOnFrom(parts);
      this.#size = parts.size;
    });
  }

  /** Room for at least one byte: a part that is full is sent, bytes that were given back are fetched. */
  async #makeRoom(): Promise<void> {
    const { current } = this.#tail;
    if (this.#buffer.length === 0 && current !== undefined) await this.#fetch(this.#partBytes);
    if (!this.#buffer.isFull) return;
    if (this.#buffer.capacity < this.#partBytes) {
      if (this.#buffer.widen(this.#partBytes)) return;
      // nobody may wait for memory while holding some
      if (!this.#isSaved) await this.#save();
      this.#buffer.drop();
      await this.#fetch(this.#partBytes);
      return;
    }
    await this.#sendPart();
  }

  async #sendPart(): Promise<void> {
    const { sizes, pool } = this.#connection;
    const upload = (this.#upload ??= await this.#begin());
    const { bytes, loan } = this.#buffer.handOver();
    this.#tail.outgrow();
    this.#isSaved = true;
    await upload.send(bytes, loan);
    if (this.#partBytes < sizes.largePart && upload.count * this.#partBytes >= sizes.large) {
      await this.#enlargeParts(upload);
    }
    this.#buffer = new PartBuffer(pool, this.#partBytes);
  }

  /** An upload of unknown size has got so long that it would run out of part numbers. */
  async #enlargeParts(upload: MultipartUpload): Promise<void> {
    if (this.#finalKey !== undefined) return;
    const own = await this.#completeOwn(upload);
    this.#partBytes = this.#connection.sizes.largePart;
    await this.#goOnFrom({ ...own, partBytes: this.#partBytes });
  }

  #begin(): Promise<MultipartUpload> {
    return MultipartUpload.begin(this.#connection, { key: this.#finalKey ?? this.#key, keptBy: this.#key });
  }

  /** Makes the parts an object at the appender's own key, so that they can be read and copied. */
  async #completeOwn(upload: MultipartUpload): Promise<PartsObject> {
    if (upload.mark.key !== this.#key) {
      throw new AppError(
        'STORAGE_FAILED',
        `the bytes for ${upload.mark.key} can not be read before they are published there: begin another upload`,
      );
    }
    const size = upload.count * this.#partBytes;
    this.#hasOwnObject = true;
    await upload.complete(size, { ifAbsent: false });
    this.#upload = undefined;
    return { key: this.#key, size, partBytes: this.#partBytes };
  }

  /** Begins an upload with the bytes of an object of whole parts. */
  async #goOnFrom({ key, size, partBytes }: PartsObject): Promise<void> {
    const upload = await MultipartUpload.begin(this.#connection, { key: this.#key, keptBy: this.#key });
    this.#upload = upload;
    await copyParts(upload, key, { size, partBytes });
  }

  async #save(): Promise<void> {
    await this.#tail.save(this.#buffer.bytes);
    this.#isSaved = true;
  }

  async #fetch(capacity: number): Promise<void> {
    const buffer = new PartBuffer(this.#connection.pool, capacity);
    this.#buffer = buffer;
    await this.#tail.read(async (chunk) => {
      for (let at = 0; at < chunk.length;) at += await buffer.fill(chunk, at);
    });
  }

  /** Lets the pool have the memory back once others wait for it: at once when its bytes are durable. */
  #offerMemory(): void {
    this.#buffer.loan?.offer(
      () => {
        this.#givingBack = this.#giveBack();
      },
      this.#isSaved ? 0 : idleMs,
    );
  }

  async #giveBack(): Promise<void> {
    try {
      if (!this.#isSaved) await this.#save();
      this.#buffer.drop();
    } catch (error) {
      this.#failure = { error };
    }
  }

  async #removeOwn(hadUpload: boolean): Promise<void> {
    const { bucket, capabilities } = this.#connection;
    const keys = [...this.#tail.keys];
    if (hadUpload || this.#hasOwnObject) keys.push(leftoverKey(this.#key, 'upload'));
    if (this.#hasOwnObject) keys.push(this.#key);
    await bucket.remove(keys, capabilities);
  }

  async #working<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#buffer.loan?.retract();
    await this.#givingBack;
    this.#givingBack = undefined;
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#hasEnded) throw new AppError('STORAGE_FAILED', `the appender at ${this.#key} has ended`);
    return work();
  }
}
