import type { Database } from '@entrepot/database/database';
import type { ManifestRecord, Origin } from './manifest-record.ts';
import { Manifests } from './manifests.ts';
import { PushLane, type PushFailureListener } from './push-lane.ts';
import {
  mayGoTogether,
  recordTogether,
  type PendingManifest,
  type RecordOutcome,
} from './record-together.ts';

/** Records manifests as {@link Manifests.record} does, those that arrive at the same time together. */
export class ManifestRecorder {
  readonly #alone: Manifests;
  readonly #together: PushLane<PendingManifest, RecordOutcome>;

  constructor(database: Database, onFailure: PushFailureListener) {
    this.#alone = new Manifests(database);
    this.#together = new PushLane(database, recordTogether, onFailure);
  }

  /** As {@link Manifests.record}. */
  async record(manifest: ManifestRecord, origin: Origin): Promise<void> {
    if (mayGoTogether(manifest) && (await this.#together.change({ manifest, origin })) === 'done') return;
    await this.#alone.record(manifest, origin);
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await this.#together.close();
  }
}
