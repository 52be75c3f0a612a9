import type { MetricDefinition } from './metric-family.ts';

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Every metric of the product but the process's own, by the name that code knows it by. */
export const metricDefinitions = {
  requests: {
    type: 'counter',
    name: 'entrepot_requests_total',
    help: 'Requests answered, by the route that took them and the status sent.',
    labels: ['app', 'method', 'route', 'status'],
  },
  requestDuration: {
    type: 'histogram',
    name: 'entrepot_request_duration_seconds',
    help: 'Time from the end of the request headers to the end of the response.',
    labels: ['app', 'route'],
    buckets: seconds,
  },
  receivedBytes: {
    type: 'counter',
    name: 'entrepot_received_bytes_total',
    help: 'Bytes of request bodies.',
    labels: ['app'],
  },
  sentBytes: {
    type: 'counter',
    name: 'entrepot_sent_bytes_total',
    help: 'Bytes of response bodies.',
    labels: ['app'],
  },
  uploadsInProgress: {
    type: 'gauge',
    name: 'entrepot_uploads_in_progress',
    help: 'Request bodies that are being written to storage now.',
    labels: [],
  },
  blobsCommitted: {
    type: 'counter',
    name: 'entrepot_blobs_committed_total',
    help: 'Blob pushes acknowledged.',
    labels: [],
  },
  manifestsPushed: {
    type: 'counter',
    name: 'entrepot_manifests_pushed_total',
    help: 'Manifest pushes acknowledged.',
    labels: [],
  },
  lookupBatch: {
    type: 'histogram',
    name: 'entrepot_lookup_batch_keys',
    help: 'Keys asked of PostgreSQL by one statement of a lookup lane.',
    labels: [],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
  },
  cacheHits: {
    type: 'counter',
    name: 'entrepot_cache_hits_total',
    help: 'Answers found in a cache.',
    labels: ['cache'],
  },
  cacheMisses: {
    type: 'counter',
    name: 'entrepot_cache_misses_total',
    help: 'Answers that were not in a cache.',
    labels: ['cache'],
  },
  queueAge: {
    type: 'gauge',
    name: 'entrepot_queue_age_seconds',
    help: 'Age of the oldest task that waits in a queue; 0 when none waits.',
    labels: ['queue'],
  },
  collectedBlobs: {
    type: 'counter',
    name: 'entrepot_collected_blobs_total',
    help: 'Blobs removed for good because nothing referenced them.',
    labels: [],
  },
  collectedBytes: {
    type: 'counter',
    name: 'entrepot_collected_bytes_total',
    help: 'Bytes that the storage gave back for blobs removed for good.',
    labels: [],
  },
  reviewAge: {
    type: 'gauge',
    name: 'entrepot_review_age_seconds',
    help: 'How long the oldest review of collection has been due; 0 when none is.',
    labels: ['kind'],
  },
  outboxRows: {
    type: 'gauge',
    name: 'entrepot_outbox_rows',
    help: 'Facts that wait in the outbox to become tasks.',
    labels: [],
  },
  auditDropped: {
    type: 'counter',
    name: 'entrepot_audit_dropped_total',
    help: 'Audit records of refusals that found their buffer full.',
    labels: [],
  },
  loginFailures: {
    type: 'counter',
    name: 'entrepot_login_failures_total',
    help: 'Credentials refused, by the source that refused them.',
    labels: ['source'],
  },
} as const satisfies Record<string, MetricDefinition>;
