import pg from 'pg';
import { inject, onTestFinished } from 'vitest';
import { toPgConfig, type ConnectionOptions } from '../connection-options.ts';
import { Database } from '../database.ts';
import { templateDatabase } from './server-template.ts';

/** A database of its own, copied from the migrated template. */
export interface TestDatabase {
  readonly database: Database;
  readonly connection: ConnectionOptions;
  /** Another session on it, to force interleavings by hand. */
  session(): Promise<pg.Client>;
  close(): Promise<void>;
}

const tables = ['"user"', 'project', 'repository', 'blob', 'manifest', 'tag', 'robot', 'task', 'execution'];
let count = 0;

/**
 * Makes a database for a test file (`beforeAll`, closed in `afterAll`). Ids start at another number in each
 * table, so that a mixed-up id fails.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = inject('testServer');
  const name = `test_${process.pid}_${Date.now().toString(36)}_${++count}`;
  const admin = new pg.Client(toPgConfig({ ...server, database: 'postgres' }));
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${templateDatabase}`);
  await admin.end();
  const connection = { ...server, database: name };
  const database = await Database.connect({ connection, poolSize: 8 });
  for (const [index, table] of tables.entries()) {
    await database.query(`ALTER TABLE ${table} ALTER COLUMN id RESTART WITH ${(index + 1) * 1000}`);
  }
  const session = async (): Promise<pg.Client> => {
    const client = new pg.Client(toPgConfig(connection));
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  };
  return { database, connection, session, close: () => database.close() };
}
