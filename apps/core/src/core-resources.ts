import type { DenialRecord } from '@entrepot/access/audit';
import type { Authenticator } from '@entrepot/access/authenticate';
import type { RequestOrigins } from '@entrepot/access/request-origin';
import type { TokenService } from '@entrepot/access/token-service';
import type { Database } from '@entrepot/database/database';
import type { JobQueue } from '@entrepot/jobs/job-queue';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Metrics } from '@entrepot/telemetry/metrics';

/** What core is given: shared with the other apps of the process, and ended by whoever made it. */
export interface CoreResources {
  readonly database: Database;
  readonly authenticator: Authenticator;
  readonly tokens: TokenService;
  readonly origins: RequestOrigins;
  readonly denials: DenialRecord;
  /** Puts to do what jobservice does, perhaps in another process. */
  readonly jobs: JobQueue;
  readonly log: Logger;
  readonly metrics: Metrics;
}
