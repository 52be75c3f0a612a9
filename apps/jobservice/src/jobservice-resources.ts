import type { SigningKeyPolicy } from '@entrepot/access/signing-keys';
import type { CollectionWindows } from '@entrepot/catalog/collection/collection-windows';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import type { SecretBox } from '@entrepot/identity/secret-box';
import type { QueueConnection } from '@entrepot/jobs/wake-queue';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Metrics } from '@entrepot/telemetry/metrics';

/** How collection is done. */
export interface CollectionConfig {
  readonly windows: CollectionWindows;
  /** Minutes between two runs; 0: only when somebody asks for one. */
  readonly minutes: number;
}

/** What jobservice is told by its settings. */
export interface JobserviceConfig {
  readonly queue: QueueConnection;
  readonly signingKeys: SigningKeyPolicy;
  /** Whether the storage gets the files of distribution's layout. */
  readonly linkMirror: boolean;
  readonly collection: CollectionConfig;
  /** Tasks of one queue at a time; default 2. */
  readonly concurrency?: number;
}

/** What jobservice is given: shared with the other apps of the process, and ended by whoever made it. */
export interface JobserviceResources {
  readonly database: Database;
  readonly store: ContentStore;
  readonly box: SecretBox;
  readonly log: Logger;
  readonly metrics: Metrics;
}
