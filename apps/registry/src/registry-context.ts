import type { Blobs } from '@entrepot/catalog/blobs';
import type { LookupAnswer, LookupKey } from '@entrepot/catalog/content-lookup';
import type { ManifestCache } from '@entrepot/catalog/manifest-cache';
import type { ManifestRecorder } from '@entrepot/catalog/manifest-recorder';
import type { Manifests } from '@entrepot/catalog/manifests';
import type { PullCounter } from '@entrepot/catalog/pulls';
import type { TagPages } from '@entrepot/catalog/tag-pages';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { BatchLanes } from '@entrepot/database/batch-lanes';
import type { UploadIds } from '@entrepot/ingest/upload-id';
import type { UploadSession } from '@entrepot/ingest/upload-session';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Counter } from '@entrepot/telemetry/metric-family';
import type { Metrics } from '@entrepot/telemetry/metrics';
import type { Authorizer } from './authorizer.ts';
import type { CallerReader } from './caller.ts';

/** What the registry is told by its settings. */
export interface RegistryConfig {
  /** Refuse every write with one sentence. */
  readonly readOnly: boolean;
  /** Bytes of manifests that are kept in memory. */
  readonly manifestCacheBytes: number;
  /** No other process uses the database: uploads that one, killed since, was writing to are free at the start. */
  readonly onlyProcess?: boolean;
  /** Milliseconds after which a client is given up that sends nothing (a minute unless set) or takes nothing (five). */
  readonly bodyIdleMs?: number;
}

/** Everything that handlers work with. */
export interface RegistryContext {
  readonly config: RegistryConfig;
  readonly authorizer: Authorizer;
  readonly callers: CallerReader;
  readonly lookups: BatchLanes<LookupKey, LookupAnswer>;
  readonly store: ContentStore;
  readonly blobs: Blobs;
  readonly manifests: Manifests;
  readonly recorder: ManifestRecorder;
  readonly pages: TagPages;
  readonly pulls: PullCounter;
  readonly manifestCache: ManifestCache;
  readonly cacheHits: Counter;
  readonly cacheMisses: Counter;
  readonly uploadIds: UploadIds;
  readonly uploads: UploadSession;
  readonly log: Logger;
  readonly metrics: Metrics;
}
