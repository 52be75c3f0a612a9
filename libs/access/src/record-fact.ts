import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { facts, type FactInput, type FactName } from '@entrepot/events/fact';

const insert = statement(
  'fact.record',
  'INSERT INTO outbox (fact, version, key, payload) VALUES ($1, $2, $3, $4)',
);

/**
 * Writes a fact into the outbox, in the running transaction: call it after the change that makes it true, and
 * it is told exactly if that commits. The content graph writes its own in SQL.
 */
export async function recordFact<Name extends FactName>(
  database: Database,
  name: Name,
  key: string,
  payload: FactInput<Name>,
): Promise<void> {
  await database.run(insert, [name, facts[name].version, key, JSON.stringify(payload)]);
}
