import { randomUUID } from 'node:crypto';
import type { UploadIdentity } from '@entrepot/catalog/uploads';
import { AppError, isAppError } from '@entrepot/errors/app-error';
import { digestAlgorithm, type Digest } from '@entrepot/oci/digest';
import { differentBytes, HeldUpload, type HeldUploadParts, type Opening } from './held-upload.ts';
import { LiveWriters } from './live-writers.ts';
import { publishBlob } from './publish-blob.ts';
import { fillFrom, type UploadBody } from './upload-body.ts';
import { UploadClaim } from './upload-claim.ts';

/** What uploads are made of. */
export type UploadSessionParts = Omit<HeldUploadParts, 'live'>;

/** Up to this size a PUT without a PATCH before it is not resumable, and costs no lease. */
const smallBody = 8 * 1024 * 1024;

/**
 * The bytes of uploads: one writer at a time, hashed while they arrive, durable before a request is answered, and
 * published under their digest (distribution-spec, "Pushing blobs").
 */
export class UploadSession {
  readonly #parts: HeldUploadParts;
  readonly #live = new LiveWriters(512);
  readonly #busy = new Set<string>();

  constructor(parts: UploadSessionParts) {
    this.#parts = { ...parts, live: this.#live };
  }

  /**
   * Adds the body of a PATCH and returns the size so far, in bytes. A body that ends early keeps what arrived, and
   * the next request goes on there. `isNew`: the upload had no row when the request came. `RANGE_INVALID` when
   * `start` is not where the upload stands.
   */
  async append(upload: UploadIdentity, body: UploadBody, isNew = false): Promise<number> {
    return await this.#exclusive(upload.id, async () => {
      const claim = isNew
        ? UploadClaim.begin(this.#parts, upload)
        : await UploadClaim.take(this.#parts, upload);
      return await this.#holding(upload, { claim, body }, (held) => held.append(body));
    });
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
      const finished = body.length === 0 ? await this.#finishStanding(upload, digest) : undefined;
      if (finished !== undefined) return finished;
      const claim = await UploadClaim.take(this.#parts, upload);
      return await this.#holding(upload, { claim, body, digest }, (held) => held.finish(body, digest));
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
      await fillFrom(writer, body, this.#parts.bodyIdleMs);
      if ((await writer.digest(digestAlgorithm(digest))) !== digest) throw differentBytes(digest);
      await publishBlob(this.#parts, { upload, generation: 0, writer, digest });
      return writer.size;
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  /**
   * Ends an upload whose writer stands in this process, by the statement that also says whether anybody else has held
   * it since: a request without bytes needs no lease. `undefined`: it was, or its bytes are not those of the digest
   * here; then what the row says decides, under a lease.
   */
  async #finishStanding(upload: UploadIdentity, digest: Digest): Promise<number | undefined> {
    const live = this.#live.take(upload.id);
    if (live === undefined) return undefined;
    const { writer, generation, replaces } = live;
    if (writer.algorithm !== digestAlgorithm(digest) || (await writer.digest(writer.algorithm)) !== digest) {
      this.#live.keep(upload.id, live);
      return undefined;
    }
    try {
      await publishBlob(this.#parts, { upload, generation, writer, digest });
    } catch (error) {
      // the row may name its bytes
      await writer.close().catch(() => undefined);
      if (isAppError(error, 'UPLOAD_NOT_FOUND')) return undefined;
      throw error;
    }
    if (replaces !== undefined) await this.#parts.store.discardUpload(upload.id, replaces);
    return writer.size;
  }

  /** Holds the upload while `work` runs: bytes that arrive, and those of another process that are copied first. */
  async #holding(
    upload: UploadIdentity,
    opening: Opening,
    work: (held: HeldUpload) => Promise<number>,
  ): Promise<number> {
    try {
      return await work(await HeldUpload.open(this.#parts, upload, opening));
    } finally {
      opening.claim.end();
    }
  }
}
