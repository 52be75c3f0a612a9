import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@entrepot/database/database';
import { sqlState } from '@entrepot/database/database-error';
import { isAppError } from '@entrepot/errors/app-error';
import type { Origin } from '../manifest-record.ts';
import { Manifests } from '../manifests.ts';
import { removeBlobs, type BlobBytes, type BlobRemovalResult } from './blob-removal.ts';
import { reviewBlobs } from './blob-reviews.ts';
import type { CollectionTotals } from './collection-totals.ts';
import type { CollectionWindows } from './collection-windows.ts';
import { reviewLinks } from './link-reviews.ts';
import { reviewManifests, type UntaggedManifest } from './manifest-reviews.ts';
import { Pace, type PaceOptions } from './pace.ts';
import { listUntaggedManifests } from './untagged-manifests.ts';
import { recoverTrash, type TrashBytes } from './trash-recovery.ts';

/** What a collector works with. */
export interface CollectorParts {
  readonly database: Database;
  readonly bytes: BlobBytes & TrashBytes;
  readonly windows: CollectionWindows;
  /** Throws when the storage is not the one of this database: nothing is removed from it then. */
  readonly checkStorage: () => Promise<void>;
  readonly pace?: PaceOptions;
}

/** How one run is watched and ended. */
export interface CollectionRun {
  /** Ends the run after the batch at hand, by throwing its reason. */
  readonly signal: AbortSignal;
  /** Told after each batch what there is so far. */
  readonly onProgress?: (totals: CollectionTotals) => Promise<void> | void;
  /** Deletes every untagged manifest too, whatever its project wants. */
  readonly untagged?: boolean;
}

/** What a batch of reviews looked at, and the milliseconds that the database took for it. */
interface ReviewedBatch {
  readonly looked: number;
  readonly took: number;
}

/** Reviews up to so many rows of one kind. */
type Review = (rows: number) => Promise<ReviewedBatch>;

const origin: Origin = {
  actor: 'collection',
  actorKind: 'system',
  requestId: undefined,
  address: undefined,
  userAgent: undefined,
  method: undefined,
  host: undefined,
};

/**
 * Removes what nobody references: manifests whose time in the recycle bin is over, links that no manifest uses, blobs
 * that no repository links, and their bytes. In small batches while everything goes on; any number of collectors may
 * run at once, and one that is killed leaves nothing that the next does not go on with.
 */
export class Collector {
  readonly #parts: CollectorParts;
  readonly #manifests: Manifests;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
    this.#manifests = new Manifests(parts.database);
  }

  /** Looks at everything that is due, until nothing is. */
  async run(run: CollectionRun): Promise<CollectionTotals> {
    const totals: CollectionTotals = {
      looked: 0,
      manifests: 0,
      untagged: 0,
      links: 0,
      quarantined: 0,
      blobs: 0,
      bytes: 0,
    };
    await this.#parts.checkStorage();
    await recoverTrash(this.#parts.database, this.#parts.bytes);
    if (run.untagged === true) await this.#deleteAllUntagged(run, totals);
    const kinds: readonly Review[] = [
      (rows) => this.#reviewManifests(totals, rows),
      (rows) => this.#reviewLinks(totals, rows),
      (rows) => this.#reviewBlobs(totals, rows),
    ];
    let before: number;
    do {
      before = totals.looked;
      for (const kind of kinds) await this.#untilNoneIsDue(run, totals, kind);
    } while (totals.looked > before);
    return totals;
  }

  /** Repeats batches of one kind. */
  async #untilNoneIsDue(
    { signal, onProgress }: CollectionRun,
    totals: CollectionTotals,
    batch: Review,
  ): Promise<void> {
    const pace = new Pace(this.#parts.pace);
    for (;;) {
      signal.throwIfAborted();
      const asked = pace.rows;
      const { looked, took } = await orNothing(batch(asked));
      totals.looked += looked;
      if (looked === 0) return;
      await onProgress?.(totals);
      const rest = pace.learn(looked, took);
      // the loop throws the signal's own reason
      if (rest > 0) await sleep(rest, undefined, { signal }).catch(() => undefined);
      if (looked < asked) return;
    }
  }

  async #reviewManifests(totals: CollectionTotals, rows: number): Promise<ReviewedBatch> {
    const { database, windows } = this.#parts;
    const begun = performance.now();
    const { looked, purged, untagged } = await reviewManifests(database, windows, rows);
    const took = performance.now() - begun;
    totals.manifests += purged;
    for (const manifest of untagged) totals.untagged += await this.#deleteUntagged(manifest);
    return { looked, took };
  }

  async #deleteAllUntagged({ signal, onProgress }: CollectionRun, totals: CollectionTotals): Promise<void> {
    const { database, windows } = this.#parts;
    for await (const page of listUntaggedManifests(database, windows.reviewSeconds)) {
      signal.throwIfAborted();
      for (const manifest of page) totals.untagged += await this.#deleteUntagged(manifest);
      await onProgress?.(totals);
    }
  }

  async #deleteUntagged({ repositoryId, digest }: UntaggedManifest): Promise<number> {
    try {
      await this.#manifests.delete(repositoryId, digest, origin);
      return 1;
    } catch (error) {
      // it is used or gone by now
      if (isAppError(error, 'MANIFEST_IN_USE', 'MANIFEST_NOT_FOUND')) return 0;
      throw error;
    }
  }

  async #reviewLinks(totals: CollectionTotals, rows: number): Promise<ReviewedBatch> {
    const begun = performance.now();
    const { looked, removed } = await reviewLinks(this.#parts.database, this.#parts.windows, rows);
    totals.links += removed;
    return { looked, took: performance.now() - begun };
  }

  async #reviewBlobs(totals: CollectionTotals, limit: number): Promise<ReviewedBatch> {
    const { database, windows } = this.#parts;
    const lease = randomUUID();
    const begun = performance.now();
    const { looked, quarantined, doomed } = await reviewBlobs(database, windows, { limit, lease });
    // the storage has its own pace: a slow one is no reason to ask the database for less
    const took = performance.now() - begun;
    totals.quarantined += quarantined;
    if (doomed.length > 0) {
      const { removed, bytes } = await this.#remove(doomed, lease);
      totals.blobs += removed;
      totals.bytes += bytes;
    }
    return { looked, took };
  }

  async #remove(doomed: Parameters<typeof removeBlobs>[2], lease: string): Promise<BlobRemovalResult> {
    const { database, bytes, windows, checkStorage } = this.#parts;
    await checkStorage();
    return await removeBlobs(database, bytes, doomed, { lease, leaseSeconds: windows.leaseSeconds });
  }
}

/** Whoever holds a lock for long, or wins one of two, has what was to be looked at: it is left to the next run. */
async function orNothing(batch: Promise<ReviewedBatch>): Promise<ReviewedBatch> {
  try {
    return await batch;
  } catch (error) {
    if (['55P03', '40P01', '40001', '23503'].includes(sqlState(error) ?? '')) return { looked: 0, took: 0 };
    throw error;
  }
}
