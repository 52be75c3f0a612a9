import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BlobPublisher } from '@entrepot/catalog/blob-publisher';
import { Blobs } from '@entrepot/catalog/blobs';
import { contentLookup, type LookupAnswer, type LookupKey } from '@entrepot/catalog/content-lookup';
import { ManifestCache } from '@entrepot/catalog/manifest-cache';
import { ManifestRecorder } from '@entrepot/catalog/manifest-recorder';
import { Manifests } from '@entrepot/catalog/manifests';
import { PullCounter } from '@entrepot/catalog/pulls';
import { TagPages } from '@entrepot/catalog/tag-pages';
import { Uploads } from '@entrepot/catalog/uploads';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { BatchLanes } from '@entrepot/database/batch-lanes';
import { UploadIds } from '@entrepot/ingest/upload-id';
import { UploadSession } from '@entrepot/ingest/upload-session';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Metrics } from '@entrepot/telemetry/metrics';
import { Authorizer } from './authorizer.ts';
import { CallerReader, type CallerReaderParts } from './caller.ts';
import { dispatch } from './dispatch.ts';
import { Exchange } from './exchange.ts';
import { limitReader } from './limit-reader.ts';
import type { RegistryConfig, RegistryContext } from './registry-context.ts';
import { writeRequestLine } from './request-line.ts';
import { RequestMeter } from './request-meter.ts';

/** What the registry is given: shared with the other apps of the process. */
export interface RegistryResources {
  readonly database: Database;
  readonly store: ContentStore;
  readonly access: Omit<CallerReaderParts, 'database'>;
  /** The key of upload ids: 32 bytes, the same in every replica. */
  readonly uploadIdKey: Buffer;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The distribution API: everything under `/v2/`. */
export interface Registry {
  /** Answers one request whose raw path is `/v2` or begins with `/v2/`. */
  handle(req: IncomingMessage, res: ServerResponse): void;
  start(): Promise<void>;
  /** Ends what is kept open between requests. Requests in flight must have ended. */
  stop(): Promise<void>;
}

/** What asks and changes the database for many requests at once. */
interface Lanes {
  readonly lookups: BatchLanes<LookupKey, LookupAnswer>;
  readonly recorder: ManifestRecorder;
  readonly publisher: BlobPublisher;
  close(): Promise<void>;
}

function openLanes({ database, log, metrics }: RegistryResources): Lanes {
  const batch = metrics.lookupBatch.with({});
  const lookups = new BatchLanes(
    database.connection,
    contentLookup((keys) => batch.observe(keys)),
  );
  const onFailure = (error: unknown) =>
    log.warn({ err: error }, 'pushes could not be recorded together: each goes alone');
  const recorder = new ManifestRecorder(database, onFailure);
  const publisher = new BlobPublisher(database, onFailure);
  const close = async () => {
    await Promise.all([lookups.close(), recorder.close(), publisher.close()]);
  };
  return { lookups, recorder, publisher, close };
}

/** Puts the registry together. */
export function createRegistry(config: RegistryConfig, resources: RegistryResources): Registry {
  const { database, store, log, metrics } = resources;
  const lanes = openLanes(resources);
  const { lookups, recorder, publisher } = lanes;
  const blobs = new Blobs(database);
  const uploads = new Uploads(database);
  const callers = new CallerReader({ ...resources.access, database });
  const context: RegistryContext = {
    config,
    lookups,
    store,
    blobs,
    manifests: new Manifests(database),
    recorder,
    pages: new TagPages(database),
    pulls: new PullCounter(database, (pulls, error) => log.warn({ pulls, error }, 'pulls not counted')),
    authorizer: new Authorizer(lookups, callers),
    callers,
    manifestCache: new ManifestCache(config.manifestCacheBytes),
    cacheHits: metrics.cacheHits.with({ cache: 'manifest' }),
    cacheMisses: metrics.cacheMisses.with({ cache: 'manifest' }),
    uploadIds: new UploadIds(resources.uploadIdKey),
    uploads: new UploadSession({
      store,
      uploads,
      blobs: publisher,
      owner: randomUUID(),
      bodyIdleMs: config.bodyIdleMs,
    }),
    log,
    metrics,
  };
  const meter = new RequestMeter(metrics);
  return {
    handle: (req, res) => void answer(context, meter, req, res),
    start: async () => {
      if (config.onlyProcess === true) await uploads.releaseAll();
    },
    stop: async () => {
      await context.uploads.close();
      await context.pulls.flush();
      await lanes.close();
    },
  };
}

async function answer(
  context: RegistryContext,
  meter: RequestMeter,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const begun = performance.now();
  const exchange = new Exchange(req, res);
  const outcome = await dispatch(context, exchange);
  const seconds = (performance.now() - begun) / 1000;
  meter.count(outcome.route, exchange, seconds);
  writeRequestLine(context, exchange, { outcome, seconds });
  limitReader(res, context.config.bodyIdleMs);
  if (!req.complete) limitRest(req, context.config.bodyIdleMs);
}

// The server gives requests all the time they need: what nobody waits for any more has to be limited here. The
// events of a request tell nothing once it is answered; until it is complete the connection is its own.
function limitRest(req: IncomingMessage, milliseconds = 60_000): void {
  const { socket } = req;
  setTimeout(() => {
    if (!req.complete) socket.destroy();
  }, milliseconds).unref();
}
