import type { UploadIdentity } from '@entrepot/catalog/uploads';
import type { UploadOptions } from '@entrepot/content-store/content-store';
import { AppError, isAppError } from '@entrepot/errors/app-error';
import { digestAlgorithm, type Digest } from '@entrepot/oci/digest';
import type { LiveWriter, LiveWriters } from './live-writers.ts';
import { publishBlob, type PublishParts } from './publish-blob.ts';
import { fillFrom, type UploadBody } from './upload-body.ts';
import type { ClaimParts, UploadClaim } from './upload-claim.ts';

/** What held uploads are made of. */
export interface HeldUploadParts extends PublishParts, ClaimParts {
  readonly live: LiveWriters;
  /** Milliseconds after which a client that sends nothing is given up; a minute unless set. */
  readonly bodyIdleMs?: number | undefined;
}

/** What a request brings to an upload. */
export interface Opening {
  readonly claim: UploadClaim;
  readonly body: UploadBody;
  /** What a PUT says that all bytes are. */
  readonly digest?: Digest | undefined;
}

/** An upload while one request writes to it: its claim, its writer, and the order in which the two are changed. */
export class HeldUpload {
  readonly #parts: HeldUploadParts;
  readonly #upload: UploadIdentity;
  readonly #claim: UploadClaim;
  readonly #live: LiveWriter;

  private constructor(parts: HeldUploadParts, upload: UploadIdentity, claim: UploadClaim, live: LiveWriter) {
    this.#parts = parts;
    this.#upload = upload;
    this.#claim = claim;
    this.#live = live;
  }

  /**
   * Opens the writer that stands where the row says, and where the body says it begins: that of the last request, when
   * nobody else wrote since, or one that reads what is there. `RANGE_INVALID` when the body begins elsewhere.
   */
  static async open(parts: HeldUploadParts, upload: UploadIdentity, opening: Opening): Promise<HeldUpload> {
    const { claim, body } = opening;
    const { size } = claim.point;
    try {
      if (body.start !== undefined && body.start !== size) throw wrongStart(body.start, size);
      return new HeldUpload(parts, upload, claim, await openWriter(parts, upload.id, opening));
    } catch (error) {
      await claim.release();
      throw error;
    }
  }

  /** Takes the body of a PATCH; what arrived is durable, and recorded, also when it ends early. Returns the size. */
  async append(body: UploadBody): Promise<number> {
    try {
      await fillFrom(this.#live.writer, body, this.#parts.bodyIdleMs);
    } catch (error) {
      // what arrived before the client went away is kept, so that it can go on from there
      if (isAppError(error, 'BODY_ABORTED', 'SIZE_INVALID')) await this.#save().catch(() => undefined);
      else await this.#abandon();
      throw error;
    }
    await this.#save();
    return this.#live.writer.size;
  }

  /** Takes the body of a PUT, compares the digest, publishes and links. Returns the size. */
  async finish(body: UploadBody, digest: Digest): Promise<number> {
    const { writer } = this.#live;
    const hadBody = body.length !== 0;
    if (hadBody) await this.#receiveLast(body);
    if ((await this.#orAbandon(writer.digest(digestAlgorithm(digest)))) !== digest) {
      await this.#keepPrefix(hadBody);
      throw differentBytes(digest);
    }
    const { generation } = this.#claim;
    await this.#orAbandon(publishBlob(this.#parts, { upload: this.#upload, generation, writer, digest }));
    await this.#forgetReplaced();
    return writer.size;
  }

  async #receiveLast(body: UploadBody): Promise<void> {
    try {
      await fillFrom(this.#live.writer, body, this.#parts.bodyIdleMs);
      // a storage that is full says so now, while the upload can still go on
      await this.#live.writer.drain();
    } catch (error) {
      if (isAppError(error, 'BODY_ABORTED')) await this.#save().catch(() => undefined);
      else await this.#abandon();
      throw error;
    }
  }

  /** Makes the bytes durable, then says so in the row, then keeps the writer. */
  async #save(): Promise<void> {
    const { writer, storedAs } = this.#live;
    const { state, size } = await this.#orAbandon(writer.flush());
    try {
      await this.#claim.record({ size, stored: { generation: storedAs, state } });
      await this.#forgetReplaced();
      this.#parts.live.keep(this.#upload.id, { ...this.#live, replaces: undefined });
    } catch (error) {
      // unless it was refused, the row may have been written although its answer got lost
      await this.#abandon(!isAppError(error, 'UPLOAD_BUSY', 'UPLOAD_NOT_FOUND'));
      throw error;
    }
  }

  /** The bytes of the writer before are in the new one, and durable there. */
  async #forgetReplaced(): Promise<void> {
    const { replaces } = this.#live;
    if (replaces !== undefined) await this.#parts.store.discardUpload(this.#upload.id, replaces);
  }

  /**
   * The writer can not be trusted any more: the next request goes on from the durable point. Bytes that no row
   * names go, since nobody can go on from them and a full disk needs the room.
   */
  async #abandon(mayBeNamed = false): Promise<void> {
    const { writer, storedAs } = this.#live;
    const isNamed = mayBeNamed || storedAs !== this.#claim.stagedAs;
    await (isNamed ? writer.close() : writer.discard()).catch(() => undefined);
    await this.#claim.release().catch(() => undefined);
  }

  async #orAbandon<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      await this.#abandon();
      throw error;
    }
  }

  async #keepPrefix(hadBody: boolean): Promise<void> {
    if (hadBody) return await this.#abandon();
    this.#parts.live.keep(this.#upload.id, this.#live);
    await this.#claim.release();
  }
}

async function openWriter(parts: HeldUploadParts, uuid: string, opening: Opening): Promise<LiveWriter> {
  const { claim } = opening;
  const { point, generation, stagedAs, algorithm } = claim;
  const live = parts.live.take(uuid);
  if (live !== undefined) {
    if (live.generation === generation - 1 && live.writer.size === point.size) return { ...live, generation };
    await live.writer.close();
  }
  const { stored, size } = point;
  const writer =
    stored === undefined || size === 0
      ? await parts.store.openUpload(uuid, stagedAs, promised(opening))
      : await parts.store.resumeUpload(uuid, stagedAs, { ...stored, size }, algorithm);
  if (writer === undefined) {
    throw new AppError(
      'UPLOAD_NOT_FOUND',
      'the bytes of this upload are gone from the storage; begin a new one',
    );
  }
  return { writer, generation, storedAs: stagedAs, replaces: stored?.generation };
}

/** What is known of the bytes before they come: a storage may write whole ones where they belong at once. */
function promised({ claim: { algorithm }, body: { length = 0 }, digest }: Opening): UploadOptions {
  const isWhole = length > 0 && digest !== undefined && digestAlgorithm(digest) === algorithm;
  return {
    algorithm,
    ...(length > 0 ? { expectedSize: length } : {}),
    ...(isWhole ? { declaredDigest: digest } : {}),
  };
}

/** `DIGEST_INVALID`, in words for the client. */
export function differentBytes(digest: Digest): AppError {
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
