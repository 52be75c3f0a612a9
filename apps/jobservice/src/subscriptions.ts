import type { FactName } from '@entrepot/events/fact';
import { purgeProject, purgeRepository } from '@entrepot/jobs/definitions/content';
import type { AnyJob } from '@entrepot/jobs/job';

/**
 * Who listens to what: each fact becomes one task of each job in its line. The only place that knows both;
 * producers know no consumer. A fact without a line is only taken off the outbox.
 */
export const subscriptions: { readonly [Name in FactName]?: readonly AnyJob[] } = {
  'repository.deleted': [purgeRepository],
  'project.deleted': [purgeProject],
};
