import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '@entrepot/embedded-postgres/embedded-postgres';
import type { TestProject } from 'vitest/node';
import { provideServer, testSettings } from './server-template.ts';

/** Starts one real PostgreSQL for the whole run, the one that comes with Entrepot. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'entrepot-test-'));
  const server = await startEmbeddedPostgres({ dataDir: directory, settings: testSettings });
  const { host, port, user } = server.connection;
  await provideServer(project, { host, port, user });
  return async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
