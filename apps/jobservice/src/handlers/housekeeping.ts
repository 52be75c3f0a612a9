import { createMonthlyPartitions } from '@entrepot/access/audit-partitions';
import { pruneLoginFailures } from '@entrepot/access/login-failures';
import { pruneRefreshTokens } from '@entrepot/access/refresh-tokens';
import { rotateSigningKeys, type SigningKeyPolicy } from '@entrepot/access/signing-keys';
import type { Database } from '@entrepot/database/database';
import type { SecretBox } from '@entrepot/identity/secret-box';
import {
  createPartitions,
  pruneLogins,
  pruneTasks,
  rotateSigningKey,
} from '@entrepot/jobs/definitions/housekeeping';
import { handle, type JobHandler } from '@entrepot/jobs/handler';
import { Executions } from '@entrepot/jobs/executions';
import { Tasks } from '@entrepot/jobs/tasks';

const batch = 1_000;
const monthsAhead = 4;

/** What the handlers of this file need. */
export interface HousekeepingResources {
  readonly database: Database;
  readonly box: SecretBox;
  readonly signingKeys: SigningKeyPolicy;
}

/** The small jobs that keep the database in order. */
export function housekeepingHandlers({ database, box, signingKeys }: HousekeepingResources): JobHandler[] {
  const tasks = new Tasks(database);
  const executions = new Executions(database);
  return [
    handle(rotateSigningKey, async (_, { log }) => {
      log(await rotateSigningKeys(database, box, signingKeys));
    }),
    handle(createPartitions, async (_, { log }) => {
      for (const name of await createMonthlyPartitions(database, new Date(), monthsAhead))
        log(`${name} created`);
    }),
    handle(pruneLogins, async (_, { signal }) => {
      await untilDone(signal, () => pruneLoginFailures(database, batch));
      await untilDone(signal, () => pruneRefreshTokens(database, batch));
    }),
    handle(pruneTasks, async (_, { signal }) => {
      await untilDone(signal, () => tasks.prune(batch));
      await untilDone(signal, () => executions.prune(batch));
    }),
  ];
}

async function untilDone(signal: AbortSignal, prune: () => Promise<number>): Promise<void> {
  while ((await prune()) === batch) signal.throwIfAborted();
}
