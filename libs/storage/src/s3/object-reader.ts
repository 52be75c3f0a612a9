import { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { ByteRange, ChunkConsumer } from '../driver.ts';
import { freeChunk } from '../free-chunk.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { isStatus } from './s3-error.ts';

const attempts = 4;

/** Reads an object, or `range` of it clipped to its end; goes on where a connection broke. `false`: no such object. */
export async function readObject(
  bucket: S3Bucket,
  key: string,
  range: ByteRange | undefined,
  consume: ChunkConsumer,
): Promise<boolean> {
  if (range !== undefined && range.start >= range.end) return (await bucket.find(key)) !== undefined;
  const reading = new ObjectReading(bucket, key, range);
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await reading.attempt(consume);
    if (outcome === 'whole') return true;
    if (outcome === 'absent') return false;
    // a broken connection is no reason to give up while it gets somewhere
    if (outcome.moved) attempt = 1;
    if (attempt >= attempts) throw bucket.errorAbout('read', key, outcome.error);
  }
}

interface Broken {
  readonly error: unknown;
  readonly moved: boolean;
}

/** How far one read of an object has come, over as many requests as it takes. */
class ObjectReading {
  readonly #bucket: S3Bucket;
  readonly #key: string;
  readonly #end: number | undefined;
  #at: number;
  #etag: string | undefined;

  constructor(bucket: S3Bucket, key: string, range: ByteRange | undefined) {
    this.#bucket = bucket;
    this.#key = key;
    this.#at = range?.start ?? 0;
    this.#end = range?.end;
  }

  async attempt(consume: ChunkConsumer): Promise<'whole' | 'absent' | Broken> {
    const answer = await this.#ask();
    if (answer === 'absent' || answer === 'whole') return answer;
    const from = this.#at;
    const chunks = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    try {
      for (;;) {
        let next: IteratorResult<Buffer>;
        try {
          next = await chunks.next();
        } catch (error) {
          return { error, moved: this.#at > from };
        }
        if (next.done === true) return 'whole';
        this.#at += next.value.length;
        await consume(next.value);
        freeChunk(next.value);
      }
    } finally {
      answer.destroy();
    }
  }

  async #ask(): Promise<Readable | 'whole' | 'absent'> {
    const isWhole = this.#at === 0 && this.#end === undefined;
    const last = this.#end === undefined ? '' : this.#end - 1;
    return await this.#bucket.about('read', this.#key, async () => {
      try {
        const { Body: body, ETag: etag } = await this.#bucket.client.send(
          new GetObjectCommand({
            ...this.#bucket.at(this.#key),
            ...(isWhole ? {} : { Range: `bytes=${this.#at}-${last}` }),
            ...(this.#etag === undefined ? {} : { IfMatch: this.#etag }),
          }),
          this.#bucket.brief,
        );
        this.#etag = etag;
        return body instanceof Readable ? body : 'whole';
      } catch (error) {
        if (isStatus(error, 416)) return 'whole';
        if (isStatus(error, 404)) return 'absent';
        throw error;
      }
    });
  }
}
