import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { UploadIdentity, UploadLease } from '@entrepot/catalog/uploads';
import type { BlobWriter } from '@entrepot/content-store/blob-writer';
import { receiveBody } from '@entrepot/content-store/receive-body';
import { AppError, isAppError } from '@entrepot/errors/app-error';
import { digestAlgorithm, type Digest } from '@entrepot/oci/digest';
import { LiveWriters, type LiveWriter } from './live-writers.ts';
import { publishBlob, type PublishParts } from './publish-blob.ts';

/** The bytes of one request. `length`: its Content-Length. `start`: where its Content-Range begins. */
export interface UploadBody {
  readonly stream: Readable;
  readonly length: number | undefined;
  readonly start: number | undefined;
}

/** What uploads are made of. */
export interface UploadSessionParts extends PublishParts {
  /** Names this process in leases. */
  readonly owner: string;
  /** Milliseconds after which a client that sends nothing is given up; a minute unless set. */
  readonly bodyIdleMs?: number | undefined;
}

/** Up to this size a PUT without a PATCH before it is not resumable, and costs no lease. */
const smallBody = 8 * 1024 * 1024;
const leaseRefresh = 10_000;

/**
 * The bytes of uploads: one writer at a time, hashed while they arrive, durable before a request is answered, and
 * published under their digest (distribution-spec, "Pushing blobs").
 */
export class UploadSession {
  readonly #parts: UploadSessionParts;
  readonly #live = new LiveWriters(512);
  readonly #busy = new Set<string>();

  constructor(parts: UploadSessionParts) {
    this.#parts = parts;
  }

  /**
   * Adds the body of a PATCH and returns the size so far, in bytes. A body that ends early keeps what arrived, and
   * the next request goes on there. `RANGE_INVALID` when `start` is not where the upload stands.
   */
  async append(upload: UploadIdentity, body: UploadBody): Promise<number> {
    return await this.#exclusive(upload.id, () =>
      this.#leased(upload, async (lease) => {
        const live = await this.#writerAt(upload, lease, body);
        await this.#receive(upload, lease, live, body);
        return live.writer.size;
      }),
    );
  }

  /**
   * Takes the last bytes, compares the digest, publishes and links. `DIGEST_INVALID` when the bytes are others: a
   * body that came with the PUT is dropped, what was there before stays.
   */
  async finish(upload: UploadIdentity, body: UploadBody, digest: Digest, isNew: boolean): Promise<number> {
    return await this.#exclusive(upload.id, async () => {
      if (isNew && body.length !== undefined && body.length <= smallBody) {
        return await this.#finishAtOnce(upload, body, digest);
      }
      return await this.#leased(upload, async (lease) => {
        const live = await this.#writerAt(upload, lease, body);
        const hadBody = body.length !== 0;
        if (hadBody) await this.#receiveLast(upload, lease, live, body);
        const orAbandon = this.#orAbandon(upload, lease, live);
        if ((await orAbandon(live.writer.digest(digestAlgorithm(digest)))) !== digest) {
          await this.#keepPrefix(upload, lease, live, hadBody);
          throw differentBytes(digest);
        }
        await orAbandon(
          publishBlob(this.#parts, { upload, generation: lease.generation, writer: live.writer, digest }),
        );
        await this.#forgetReplaced(upload.id, live);
        return live.writer.size;
      });
    });
  }

  /** Ends the upload and forgets its bytes. */
  async cancel(upload: UploadIdentity): Promise<void> {
    const storedAs = await this.#parts.uploads.cancel(upload);
    const live = this.#live.take(upload.id);
    await live?.writer.close();
    await this.#parts.store.discardUpload(upload.id, live?.storedAs ?? storedAs);
  }

  /** Lets go of every open writer; their bytes are durable. */
  async close(): Promise<void> {
    await this.#live.closeAll();
  }

  async #exclusive<T>(uuid: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(uuid)) {
      throw new AppError('UPLOAD_BUSY', `another request is writing to upload ${uuid}; wait for it to end`, {
        retryAfter: 1,
      });
    }
    this.#busy.add(uuid);
    try {
      return await work();
    } finally {
      this.#busy.delete(uuid);
    }
  }

  async #finishAtOnce(upload: UploadIdentity, body: UploadBody, digest: Digest): Promise<number> {
    // a key of its own: what a crash left of an earlier try of this PUT is in nobody's way
    const writer = await this.#parts.store.openUpload(randomUUID(), 0, {
      algorithm: digestAlgorithm(digest),
      declaredDigest: digest,
      ...(body.length === undefined ? {} : { expectedSize: body.length }),
    });
    try {
      await this.#fill(writer, body);
      if ((await writer.digest(digestAlgorithm(digest))) !== digest) throw differentBytes(digest);
      await publishBlob(this.#parts, { upload, generation: 0, writer, digest });
      return writer.size;
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  /** The writer that stands where the row says, and where the body says it begins. */
  async #writerAt(upload: UploadIdentity, lease: UploadLease, body: UploadBody): Promise<LiveWriter> {
    try {
      if (body.start !== undefined && body.start !== lease.size) throw wrongStart(body.start, lease.size);
      return await this.#writer(upload, lease);
    } catch (error) {
      await this.#parts.uploads.release(upload.id, lease.generation);
      throw error;
    }
  }

  async #writer(upload: UploadIdentity, lease: UploadLease): Promise<LiveWriter> {
    const live = this.#live.take(upload.id);
    if (live !== undefined) {
      const current = live.generation === lease.generation - 1 && live.writer.size === lease.size;
      if (current) return { ...live, generation: lease.generation };
      await live.writer.close();
    }
    const { store } = this.#parts;
    const { stored, size, generation, algorithm } = lease;
    const writer =
      stored === undefined || size === 0
        ? await store.openUpload(upload.id, generation, { algorithm })
        : await store.resumeUpload(upload.id, generation, { ...stored, size }, algorithm);
    if (writer === undefined) {
      throw new AppError(
        'UPLOAD_NOT_FOUND',
        'the bytes of this upload are gone from the storage; begin a new one',
      );
    }
    return { writer, generation, storedAs: generation, replaces: stored?.generation };
  }

  async #receive(
    upload: UploadIdentity,
    lease: UploadLease,
    live: LiveWriter,
    body: UploadBody,
  ): Promise<void> {
    try {
      await this.#fill(live.writer, body);
    } catch (error) {
      // what arrived before the client went away is kept, so that it can go on from there
      if (isAppError(error, 'BODY_ABORTED', 'SIZE_INVALID'))
        await this.#save(upload, lease, live).catch(() => undefined);
      else await this.#abandon(upload, lease, live);
      throw error;
    }
    await this.#save(upload, lease, live);
  }

  async #receiveLast(
    upload: UploadIdentity,
    lease: UploadLease,
    live: LiveWriter,
    body: UploadBody,
  ): Promise<void> {
    try {
      await this.#fill(live.writer, body);
      // a storage that is full says so now, while the upload can still go on
      await live.writer.drain();
    } catch (error) {
      if (isAppError(error, 'BODY_ABORTED')) await this.#save(upload, lease, live).catch(() => undefined);
      else await this.#abandon(upload, lease, live);
      throw error;
    }
  }

  /** Makes the bytes durable, then says so in the row, then keeps the writer. */
  async #save(upload: UploadIdentity, lease: UploadLease, live: LiveWriter): Promise<void> {
    const { state, size } = await this.#orAbandon(upload, lease, live)(live.writer.flush());
    try {
      await this.#parts.uploads.advance(upload.id, lease.generation, {
        size,
        stored: { generation: live.storedAs, state },
      });
      await this.#forgetReplaced(upload.id, live);
      this.#live.keep(upload.id, { ...live, replaces: undefined });
    } catch (error) {
      // the row may have been written although its answer got lost
      await this.#abandon(upload, lease, live, true);
      throw error;
    }
  }

  /** The bytes of the writer before are in the new one, and durable there. */
  async #forgetReplaced(uuid: string, { replaces }: LiveWriter): Promise<void> {
    if (replaces !== undefined) await this.#parts.store.discardUpload(uuid, replaces);
  }

  /**
   * The writer can not be trusted any more: the next request goes on from the durable point. Bytes that no row
   * names go, since nobody can go on from them and a full disk needs the room.
   */
  async #abandon(
    upload: UploadIdentity,
    lease: UploadLease,
    live: LiveWriter,
    mayBeNamed = false,
  ): Promise<void> {
    const isNamed = mayBeNamed || live.storedAs !== lease.generation;
    await (isNamed ? live.writer.close() : live.writer.discard()).catch(() => undefined);
    await this.#parts.uploads.release(upload.id, lease.generation).catch(() => undefined);
  }

  #orAbandon(
    upload: UploadIdentity,
    lease: UploadLease,
    live: LiveWriter,
  ): <T>(work: Promise<T>) => Promise<T> {
    return async (work) => {
      try {
        return await work;
      } catch (error) {
        await this.#abandon(upload, lease, live);
        throw error;
      }
    };
  }

  async #keepPrefix(
    upload: UploadIdentity,
    lease: UploadLease,
    live: LiveWriter,
    hadBody: boolean,
  ): Promise<void> {
    if (hadBody) return await this.#abandon(upload, lease, live);
    this.#live.keep(upload.id, live);
    await this.#parts.uploads.release(upload.id, lease.generation);
  }

  async #fill(writer: BlobWriter, body: UploadBody): Promise<void> {
    await receiveBody(body.stream, writer, {
      idleMs: this.#parts.bodyIdleMs ?? 60_000,
      minBytesPerSecond: 1024,
      ...(body.length === undefined ? {} : { expectedBytes: body.length }),
    });
  }

  /** Holds the upload while `work` runs: bytes that arrive, and those of another process that are copied first. */
  async #leased<T>(upload: UploadIdentity, work: (lease: UploadLease) => Promise<T>): Promise<T> {
    const { uploads, owner } = this.#parts;
    const lease = await uploads.lease(upload, owner);
    const timer = setInterval(() => {
      // a lost lease shows when the row is advanced
      uploads.extend(upload.id, lease.generation).catch(() => undefined);
    }, leaseRefresh);
    try {
      return await work(lease);
    } finally {
      clearInterval(timer);
    }
  }
}

function differentBytes(digest: Digest): AppError {
  return new AppError(
    'DIGEST_INVALID',
    `the bytes of this upload are not those of ${digest}; check the digest, or upload them again`,
  );
}

function wrongStart(start: number, size: number): AppError {
  return new AppError(
    'RANGE_INVALID',
    `the chunk begins at byte ${start}, the upload stands at ${size}; go on from there`,
    {
      detail: { size },
    },
  );
}
