import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '@entrepot/embedded-postgres/embedded-postgres';
import type { TestProject } from 'vitest/node';
import { toPgConfig } from '../connection-options.ts';
import { migrate } from '../migrate.ts';

/** Name of the migrated database that every test file's own one is copied from. */
export const templateDatabase = 'entrepot_template';

declare module 'vitest' {
  interface ProvidedContext {
    testServer: { host: string; port: number; user: string };
  }
}

/** Starts one real PostgreSQL for the whole run, with a migrated template database. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'entrepot-test-'));
  const server = await startEmbeddedPostgres({
    dataDir: directory,
    // only the tests that kill the server need durability, and they start one of their own
    settings: { fsync: 'off', synchronous_commit: 'off', max_connections: '200' },
  });
  const { host, port, user } = server.connection;
  const client = new pg.Client(toPgConfig({ ...server.connection, database: 'postgres' }));
  await client.connect();
  await client.query(`CREATE DATABASE ${templateDatabase}`);
  await client.end();
  await migrate({ host, port, user, database: templateDatabase });
  project.provide('testServer', { host, port, user });
  return async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
