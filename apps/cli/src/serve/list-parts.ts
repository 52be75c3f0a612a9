import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { RedisProbe } from '@entrepot/jobs/redis-probe';
import type { Config } from '../config/config.ts';
import { askDatabase } from './open-database.ts';
import type { Part } from './readiness.ts';
import type { Teardown } from './teardown.ts';

/** What {@link listParts} looks at. */
export interface PartsOptions {
  readonly config: Pick<Config, 'redisUrl'>;
  readonly database: Database;
  readonly store: ContentStore;
  readonly teardown: Teardown;
  /** Whether this process is of no use without the storage. */
  readonly needsStorage: boolean;
}

/** What the process works with, and how to ask each part how it is. Without Redis jobs wait, and nothing else does. */
export function listParts({ config, database, store, teardown, needsStorage }: PartsOptions): Part[] {
  const parts: Part[] = [
    { name: 'database', needed: true, check: () => askDatabase(database) },
    { name: 'storage', needed: needsStorage, check: () => store.driver.probe() },
  ];
  if (config.redisUrl === undefined) return parts;
  const probe = new RedisProbe(config.redisUrl);
  teardown.add('Redis', 100, async () => probe.close());
  return [...parts, { name: 'redis', needed: false, check: () => probe.check() }];
}

/** The parts that core shows beside itself and the database, in the form that it takes. */
export function healthOf(parts: readonly Part[]): Record<string, () => Promise<void>> {
  return Object.fromEntries(
    parts.filter(({ name }) => name !== 'database').map(({ name, check }) => [name, check]),
  );
}
