import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { toPgConfig } from '../connection-options.ts';
import { migrate } from '../migrate.ts';

/** Name of the migrated database that every test file's own one is copied from. */
export const templateDatabase = 'entrepot_template';

/** How the tests of a run reach their server. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    testServer: TestServer;
  }
}

/** Only the tests that kill a server need durability, and they start one of their own. */
export const testSettings = { fsync: 'off', synchronous_commit: 'off', max_connections: '200' };

/** Makes the template database on a fresh server, and tells the tests where it is. */
export async function provideServer(project: TestProject, server: TestServer): Promise<void> {
  const client = new pg.Client(toPgConfig({ ...server, database: 'postgres' }));
  await client.connect();
  await client.query(`CREATE DATABASE ${templateDatabase}`);
  await client.end();
  await migrate({ ...server, database: templateDatabase });
  project.provide('testServer', server);
}
