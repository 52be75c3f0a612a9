import { randomInt } from 'node:crypto';
import type { DurablePoint, UploadIdentity, UploadLease, Uploads } from '@entrepot/catalog/uploads';
import { AppError } from '@entrepot/errors/app-error';
import type { DigestAlgorithm } from '@entrepot/oci/digest';
import type { BlobRows } from './publish-blob.ts';

/** What claims are made of. */
export interface ClaimParts {
  readonly uploads: Uploads;
  readonly blobs: BlobRows;
  /** Names this process in leases. */
  readonly owner: string;
}

const refreshMs = 10_000;
/** A body that begins an upload takes no lease before this: whoever else begins it meanwhile is found out at its end. */
const unclaimedMs = 1_000;
/** The generation that the row of an upload begins with. */
const first = 1;

/**
 * The right of one request to write to an upload, for as long as it does. Either a lease, which others see before
 * they begin; or, for an upload without a row, nothing but a name of its own for its bytes, and the insert of the row
 * decides between those who began at once. One that takes long gets a lease then.
 */
export class UploadClaim {
  /** The generation under which the row will be written. */
  readonly generation: number;
  /** The generation in the name of the bytes of a writer that is opened under this claim: nobody else's. */
  readonly stagedAs: number;
  readonly algorithm: DigestAlgorithm;
  /** Where the upload stood when it was claimed. */
  readonly point: DurablePoint;
  readonly #parts: ClaimParts;
  readonly #upload: UploadIdentity;
  #lease: Promise<UploadLease> | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(parts: ClaimParts, upload: UploadIdentity, lease: UploadLease | undefined) {
    this.#parts = parts;
    this.#upload = upload;
    this.generation = lease?.generation ?? first;
    // of another range than the generations of leases, and other than that of anybody who begins at the same time
    this.stagedAs = lease?.generation ?? randomInt(100_000_000, 1_000_000_000);
    this.algorithm = lease?.algorithm ?? upload.algorithm;
    this.point = lease ?? { size: 0, stored: undefined };
    if (lease === undefined) this.#timer = setTimeout(() => this.#leaseLate(), unclaimedMs);
    else this.#hold(Promise.resolve(lease));
  }

  /** Takes the lease. `UPLOAD_BUSY` while another request writes, `UPLOAD_NOT_FOUND` when the upload has ended. */
  static async take(parts: ClaimParts, upload: UploadIdentity): Promise<UploadClaim> {
    return new UploadClaim(parts, upload, await parts.uploads.lease(upload, parts.owner));
  }

  /** Begins an upload that had no row a moment ago. */
  static begin(parts: ClaimParts, upload: UploadIdentity): UploadClaim {
    return new UploadClaim(parts, upload, undefined);
  }

  /**
   * Records the durable point and gives the claim back. `UPLOAD_BUSY` or `UPLOAD_NOT_FOUND`: somebody else has the
   * upload, and no row names what was written under this claim. After any other error nobody knows.
   */
  async record(point: Required<DurablePoint>): Promise<void> {
    this.end();
    const { uploads, blobs } = this.#parts;
    if (this.#lease === undefined) return await blobs.beginUpload(this.#upload, point);
    await this.#lease;
    await uploads.advance(this.#upload.id, this.generation, point);
  }

  /** Gives the claim back without having moved the durable point. */
  async release(): Promise<void> {
    this.end();
    if (this.#lease === undefined) return;
    await this.#lease;
    await this.#parts.uploads.release(this.#upload.id, this.generation);
  }

  /** Holds it no longer: a lease that was not given back runs out. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #leaseLate(): void {
    const lease = this.#takeFirst();
    // who lost is told at the end of the body, as when a lease is lost
    lease.catch(() => undefined);
    this.#hold(lease);
  }

  async #takeFirst(): Promise<UploadLease> {
    const { uploads, owner } = this.#parts;
    const lease = await uploads.lease(this.#upload, owner);
    if (lease.generation === first) return lease;
    await uploads.release(this.#upload.id, lease.generation);
    throw new AppError(
      'UPLOAD_BUSY',
      `another request has begun upload ${this.#upload.id} at the same time; ask for its status, and go on from there`,
      { retryAfter: 1 },
    );
  }

  #hold(lease: Promise<UploadLease>): void {
    this.#lease = lease;
    this.#timer = setInterval(() => {
      // a lost lease shows when the row is advanced
      this.#parts.uploads.extend(this.#upload.id, this.generation).catch(() => undefined);
    }, refreshMs);
  }
}
