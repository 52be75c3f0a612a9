import type { Database } from '@entrepot/database/database';

/** Tables that grow with time and are cut by month of `happened_at`. */
const partitioned = ['audit_log', 'tag_event'] as const;

/**
 * Creates the partitions of the next months, ahead of time, so that the default one stays empty. `from` is any
 * time of the first month. A month that already has rows in the default partition is left there: moving them
 * would lock the table. Returns the names of the new ones.
 */
export async function createMonthlyPartitions(
  database: Database,
  from: Date,
  months: number,
): Promise<string[]> {
  const created: string[] = [];
  for (const table of partitioned) {
    for (let ahead = 0; ahead < months; ahead++) {
      const start = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + ahead, 1));
      const end = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + ahead + 1, 1));
      const name = `${table}_${start.toISOString().slice(0, 7).replace('-', '_')}`;
      if (await createPartition(database, { table, name, start, end })) created.push(name);
    }
  }
  return created;
}

interface Partition {
  readonly table: string;
  readonly name: string;
  readonly start: Date;
  readonly end: Date;
}

// DDL takes no parameters; names and dates are made above, from constants and numbers
async function createPartition(database: Database, partition: Partition): Promise<boolean> {
  const { table, name } = partition;
  const [start, end] = [partition.start.toISOString(), partition.end.toISOString()];
  const [state] = await database.query<{ exists: boolean; taken: boolean }>(
    `SELECT to_regclass($1) IS NOT NULL AS exists,
       EXISTS (SELECT 1 FROM ${table}_default WHERE happened_at >= $2 AND happened_at < $3) AS taken`,
    [name, start, end],
  );
  if (state === undefined || state.exists || state.taken) return false;
  await database.query(
    `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table} FOR VALUES FROM ('${start}') TO ('${end}')`,
  );
  return true;
}
