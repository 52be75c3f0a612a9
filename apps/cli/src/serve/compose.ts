import { DenialRecord } from '@entrepot/access/audit';
import { Authenticator } from '@entrepot/access/authenticate';
import { RequestOrigins } from '@entrepot/access/request-origin';
import { ActiveSigningKey, loadVerificationKeys, rotateSigningKeys } from '@entrepot/access/signing-keys';
import { TokenService, tokenAudience, tokenIssuer } from '@entrepot/access/token-service';
import { TrustedProxies } from '@entrepot/access/trusted-proxies';
import type { ContentStore } from '@entrepot/content-store/content-store';
import { createCore, type Core } from '@entrepot/core/core';
import type { Database } from '@entrepot/database/database';
import { KeyRing } from '@entrepot/identity/key-ring';
import type { SecretBox } from '@entrepot/identity/secret-box';
import { TokenVerifier } from '@entrepot/identity/token-verifier';
import { JobQueue } from '@entrepot/jobs/job-queue';
import { WakeQueue, type QueueConnection } from '@entrepot/jobs/wake-queue';
import { createJobservice } from '@entrepot/jobservice/jobservice';
import type { CollectionConfig } from '@entrepot/jobservice/jobservice-resources';
import { createRegistry, type Registry } from '@entrepot/registry/registry';
import { systemClock as clock } from '@entrepot/telemetry/clock';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Metrics } from '@entrepot/telemetry/metrics';
import type { Config } from '../config/config.ts';
import { version } from '../version.ts';
import type { Teardown } from './teardown.ts';

/** What the apps are put together from. */
export interface ComposeOptions {
  readonly config: Config;
  readonly database: Database;
  readonly store: ContentStore;
  readonly box: SecretBox;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly teardown: Teardown;
  /** What core shows of the installation beside itself and the database, by name; each resolves when it is well. */
  readonly health: Readonly<Record<string, () => Promise<void>>>;
}

/** The apps that answer requests. */
export interface Apps {
  readonly registry: Registry;
  readonly core: Core;
}

/** Makes what the apps share, then the apps, and starts them. */
export async function composeApps(options: ComposeOptions): Promise<Apps> {
  await makeSigningKey(options);
  const access = await startAccess(options);
  const registry = await startRegistry(options, access);
  const core = await startCore(options, access);
  await startJobservice(options);
  return { registry, core };
}

/** Makes the first key that signs tokens, unless there is one. */
export async function makeSigningKey({ config, database, box }: ComposeOptions): Promise<void> {
  await rotateSigningKeys(database, box, { algorithm: config.tokenAlgorithm });
}

/** What the apps that answer requests know callers by. */
export interface Access {
  readonly verifier: TokenVerifier;
  readonly authenticator: Authenticator;
  readonly origins: RequestOrigins;
  readonly denials: DenialRecord;
}

/** Begins to follow the keys that tokens are verified with. */
export async function startAccess(options: ComposeOptions): Promise<Access> {
  const { config, database, log, metrics, teardown } = options;
  const keys = new KeyRing({ load: () => loadVerificationKeys(database), clock, log });
  await keys.start();
  teardown.add('signing keys', 1_000, async () => keys.stop());
  const verifier = new TokenVerifier({ keys, issuer: tokenIssuer, audience: tokenAudience, clock });
  const denials = new DenialRecord({
    database,
    log,
    onDropped: (count) => metrics.auditDropped.with({}).add(count),
  });
  teardown.add('refusals', 1_000, () => denials.flush());
  const authenticator = new Authenticator({
    database,
    denials,
    onRefusal: (source) => metrics.loginFailures.with({ source }).add(),
  });
  const origins = new RequestOrigins(new TrustedProxies(config.trustedProxies), log);
  return { verifier, authenticator, origins, denials };
}

/** Puts the registry together and starts it. */
export async function startRegistry(options: ComposeOptions, access: Access): Promise<Registry> {
  const { config, database, store, box, log, metrics, teardown } = options;
  const { verifier, authenticator, origins } = access;
  const registry = createRegistry(
    {
      readOnly: config.readOnly,
      manifestCacheBytes: config.manifestCacheMb * 1024 * 1024,
      // the embedded database serves nobody else, and the lock on the data directory sees to it
      onlyProcess: config.databaseUrl === undefined,
    },
    {
      database,
      store,
      access: { verifier, authenticator, origins, firstPush: config.projectByFirstPush },
      uploadIdKey: box.keyFor('upload-id'),
      log,
      metrics,
    },
  );
  await registry.start();
  teardown.add('registry', 1_000, () => registry.stop());
  return registry;
}

/** Puts core together and starts it. */
export async function startCore(options: ComposeOptions, access: Access): Promise<Core> {
  const { config, database, log, metrics, teardown } = options;
  const { authenticator, origins, denials } = access;
  // connects with the first job that somebody asks for
  const wakes = new WakeQueue(queueOf(config, database), log);
  teardown.add('queue of core', 1_000, () => wakes.close());
  const jobs = new JobQueue(database, wakes, log);
  const core = await createCore(
    {
      version,
      readOnly: config.readOnly,
      externalUrl: config.externalUrl,
      storageDriver: config.storageDriver,
      health: options.health,
    },
    { database, authenticator, tokens: createTokens(options, access), origins, denials, jobs, log, metrics },
  );
  await core.start();
  teardown.add('core', 1_000, () => core.stop());
  return core;
}

function createTokens({ config, database, box }: ComposeOptions, access: Access): TokenService {
  return new TokenService({
    database,
    authenticator: access.authenticator,
    signingKey: new ActiveSigningKey(database, box, clock),
    clock,
    lifetimeSeconds: config.tokenSeconds,
    verifier: access.verifier,
    firstPush: config.projectByFirstPush,
  });
}

/** Puts jobservice together and starts it. */
export async function startJobservice({
  config,
  database,
  store,
  box,
  log,
  metrics,
  teardown,
}: ComposeOptions): Promise<void> {
  const jobservice = createJobservice(
    {
      queue: queueOf(config, database),
      signingKeys: { algorithm: config.tokenAlgorithm },
      linkMirror: isMirrored(config),
      collection: collectionOf(config),
    },
    { database, store, box, log, metrics },
  );
  await jobservice.start();
  teardown.add('jobservice', 1_500, () => jobservice.stop());
}

function queueOf({ redisUrl }: Config, { connection }: Database): QueueConnection {
  return redisUrl === undefined ? { kind: 'postgres', connection } : { kind: 'redis', url: redisUrl };
}

/** Seconds after which another process goes on with a removal whose process died. */
const removalLeaseSeconds = 60;

function collectionOf(config: Config): CollectionConfig {
  const windows = {
    reviewSeconds: config.collectReviewDelayHours * 3600,
    quarantineSeconds: config.collectQuarantineHours * 3600,
    recycleDays: config.recycleBinDays,
    leaseSeconds: removalLeaseSeconds,
  };
  return { windows, minutes: config.collectMinutes };
}

function isMirrored({ storageLinkMirror, storageDriver }: Config): boolean {
  return storageLinkMirror === 'auto' ? storageDriver === 'filesystem' : storageLinkMirror === 'on';
}
