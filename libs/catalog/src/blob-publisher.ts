import type { Database } from '@entrepot/database/database';
import type { Digest } from '@entrepot/oci/digest';
import { beginTogether, type BeginOutcome, type BegunUpload } from './begin-together.ts';
import { Blobs, type AnnouncedBlob } from './blobs.ts';
import {
  endTogether,
  linkTogether,
  type BlobLink,
  type EndedUpload,
  type LinkOutcome,
} from './publish-together.ts';
import { PushLane, type PushFailureListener } from './push-lane.ts';
import { Uploads, type DurablePoint, type UploadIdentity } from './uploads.ts';

/** Begins and ends uploads and links blobs as {@link Uploads} and {@link Blobs} do, those of the same time together. */
export class BlobPublisher {
  readonly #blobs: Blobs;
  readonly #uploads: Uploads;
  readonly #begin: PushLane<BegunUpload, BeginOutcome>;
  readonly #end: PushLane<EndedUpload, AnnouncedBlob | 'alone' | 'unknown'>;
  readonly #link: PushLane<BlobLink, LinkOutcome>;

  constructor(database: Database, onFailure: PushFailureListener) {
    this.#blobs = new Blobs(database);
    this.#uploads = new Uploads(database);
    this.#begin = new PushLane(database, beginTogether, onFailure);
    this.#end = new PushLane(database, endTogether, onFailure);
    this.#link = new PushLane(database, linkTogether, onFailure);
  }

  /** As {@link Uploads.begin}. */
  async beginUpload(upload: UploadIdentity, point: Required<DurablePoint>): Promise<void> {
    if ((await this.#begin.change({ upload, point })) === 'done') return;
    await this.#uploads.begin(upload, point);
  }

  /** As {@link Uploads.close}. */
  async endUpload(
    upload: UploadIdentity,
    generation: number,
    blob: { digest: Digest; size: number },
  ): Promise<AnnouncedBlob> {
    const announced = await this.#end.change({ upload, generation, ...blob });
    if (announced === 'alone') return await this.#uploads.close(upload, generation, blob);
    return announced === 'unknown' ? await this.announce(blob.digest, blob.size) : announced;
  }

  /** As {@link Blobs.announce}. */
  async announce(digest: Digest, size: number): Promise<AnnouncedBlob> {
    return await this.#blobs.announce(digest, size);
  }

  /** As {@link Blobs.link}. */
  async link(link: BlobLink): Promise<void> {
    if ((await this.#link.change(link)) === 'done') return;
    await this.#blobs.link(link);
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await Promise.all([this.#begin.close(), this.#end.close(), this.#link.close()]);
  }
}
