import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ContentBuilder,
  repositoryName,
  tagName,
  testOrigin,
} from '@entrepot/catalog/testing/content-builder';
import { BulkSession } from '@entrepot/database/bulk-session';
import type { ConnectionOptions } from '@entrepot/database/connection-options';
import type { Database } from '@entrepot/database/database';
import { listAppliedMigrations, runMigrations } from '@entrepot/database/schema-build';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { startEmbeddedPostgres } from '@entrepot/embedded-postgres/embedded-postgres';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { leftOut } from './tables.ts';
import { ask, BackupWorld, makeInstance, readRows, type TestStorage } from './testing/backup-world.ts';

// what a restore means to change, or does not bring back
const changed = ['instance', 'signing_key', 'schema_migration', 'upload'];

describe('backup of the database', () => {
  let world: BackupWorld;
  let test: TestDatabase;
  let storage: TestStorage;
  let count = 0;

  beforeAll(async () => {
    world = await BackupWorld.make();
  });
  afterAll(() => world.remove());
  beforeEach(async () => {
    test = await createTestDatabase();
    storage = await world.aStorage();
    await makeInstance(test.connection);
  });
  afterEach(() => test.close());

  /** A database without a schema; of `owner`, unless it is the server's own user. */
  async function anEmptyDatabase(owner?: string): Promise<Exclude<ConnectionOptions, { url: string }>> {
    const database = `empty_${process.pid}_${Date.now().toString(36)}_${++count}`;
    await ask(test.connection, `CREATE DATABASE ${database}${owner === undefined ? '' : ` OWNER ${owner}`}`);
    if ('url' in test.connection) throw new Error('the tests reach their server by parts');
    return { ...test.connection, database, ...(owner === undefined ? {} : { user: owner }) };
  }

  async function restored(from: string, connection?: ConnectionOptions): Promise<ConnectionOptions> {
    const target = connection ?? (await anEmptyDatabase());
    await world.restore(from, target, await world.aStorage());
    return target;
  }

  function without(rows: Record<string, string[]>, names: readonly string[]): Record<string, string[]> {
    return Object.fromEntries(Object.entries(rows).filter(([name]) => !names.includes(name)));
  }

  it('has every table and column, but for those that are left out by name or follow from others', async () => {
    const { manifest } = await world.backUp(test.connection, storage);
    const columns = await test.database.query<{ name: string; column: string }>(
      `SELECT c.table_name AS name, c.column_name AS column FROM information_schema.columns c
       JOIN information_schema.tables t USING (table_schema, table_name)
       WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER'
         AND NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(quote_ident(c.table_name)))`,
    );
    const expected = columns
      .filter(({ name }) => !leftOut.has(name))
      .map(({ name, column }) => `${name}.${column}`);
    const saved = manifest.tables.flatMap(({ name, columns: all }) =>
      all.map((column) => `${name}.${column}`),
    );
    expect(saved.toSorted()).toEqual(expected.toSorted());
    expect(manifest.migrations.length).toBeGreaterThan(5);
    expect(new Set(columns.map(({ name }) => name))).toContain('upload');
  });

  it('comes back row by row, with no trigger of its own and ids that go on', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\\N', '\\.', 'a\tb', 'a\nb\\', '\r\n', '\\\\', '"', "'"),
    );
    const project = fc.record({
      comment: text.map((value) => value.replaceAll('\0', '')),
      repositories: fc.array(fc.array(fc.constantFrom('v1', 'v2', 'latest'), { maxLength: 3 }), {
        maxLength: 3,
      }),
    });
    const round = async (projects: readonly (typeof project extends fc.Arbitrary<infer T> ? T : never)[]) => {
      const source = await createTestDatabase();
      try {
        await makeInstance(source.connection);
        for (const [index, each] of projects.entries()) await fill(source.database, index, each);
        const { to } = await world.backUp(source.connection, undefined, {
          blobs: { ...storage, files: storage.root },
        });
        const target = await anEmptyDatabase();
        await world.restore(to, target, await world.aStorage(), { acceptsLoss: true });
        const [before, after] = [await readRows(source.connection), await readRows(target)];
        // the bytes of these blobs are nowhere, so that they are damaged now
        expect(without(after, [...changed, 'blob'])).toEqual(without(before, [...changed, 'blob']));
        expect(after['blob']).toHaveLength(before['blob']?.length ?? -1);
        const [next] = await ask<{ id: number }>(
          target,
          "INSERT INTO project (name) VALUES ('next') RETURNING id",
        );
        const [last] = await source.database.query<{ id: number }>(
          'SELECT coalesce(max(id), 0) AS id FROM project',
        );
        expect(next?.id).toBeGreaterThan(last?.id ?? 0);
      } finally {
        await source.close();
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(project, { maxLength: 4 }), round), { numRuns: 5 });
  }, 120_000);

  async function fill(
    database: Database,
    index: number,
    { comment, repositories }: { comment: string; repositories: readonly (readonly string[])[] },
  ): Promise<void> {
    const build = new ContentBuilder(database);
    const projectId = await build.aProject(`project-${index}`);
    await database.query(
      `INSERT INTO audit_log (actor, operation, resource_type, resource, detail)
       VALUES ($1, 'create', 'project', $1, $2)`,
      [comment, JSON.stringify({ comment })],
    );
    await database.query('INSERT INTO "user" (username, comment, email) VALUES ($1, $2, NULL)', [
      `user-${index}`,
      comment,
    ]);
    await database.query('UPDATE project SET metadata = $1', [
      { allow_sparse: 'true', recycle_bin_days: '3' },
    ]);
    for (const [number, tags] of repositories.entries()) {
      const name = repositoryName(`project-${index}/r${number}`);
      const blobs = [await build.aBlob(projectId, name), await build.aBlob(projectId, name)];
      const record = build.aManifest(projectId, name, {
        blobs,
        tags: tags.map(tagName),
        annotations: { comment },
      });
      await build.manifests.record(record, testOrigin);
      if (tags.length === 0) continue;
      await database.query('DELETE FROM tag WHERE name = $1', [tags[0]]);
    }
  }

  it('needs no more rights than those of the owner of the database', async () => {
    const owner = `owner_${Date.now().toString(36)}`;
    await ask(test.connection, `CREATE ROLE ${owner} LOGIN`);
    await new ContentBuilder(test.database).aProject('owned');
    const { to } = await world.backUp(test.connection, storage);
    const target = await restored(to, await anEmptyDatabase(owner));
    expect(await ask(target, "SELECT name FROM project WHERE name = 'owned'")).toHaveLength(1);
  });

  it('moves to the PostgreSQL that comes with the product, of whatever major version it was', async () => {
    const project = await new ContentBuilder(test.database).aProject('moved');
    const { to, manifest } = await world.backUp(test.connection, storage);
    const dataDir = await mkdtemp(join(tmpdir(), 'entrepot-moved-'));
    const server = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off' } });
    try {
      await restored(to, server.connection);
      expect(await ask(server.connection, 'SELECT id FROM project')).toEqual([{ id: project }]);
      const [row] = await ask<{ version: string }>(server.connection, 'SHOW server_version_num');
      expect(Number(manifest.server.split('.')[0])).toBeLessThanOrEqual(18);
      expect(row).toMatchObject({ server_version_num: expect.stringMatching(/^18/) });
    } finally {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('raises the epoch, holds collection and ends every token', async () => {
    await test.database.query('UPDATE instance SET epoch = 4');
    await test.database.query(
      `INSERT INTO signing_key (id, algorithm, state, public_key, private_key) VALUES ('k', 'EdDSA', 'active', '{}', 's')`,
    );
    const { to } = await world.backUp(test.connection, storage);
    const target = await restored(to);
    expect(await ask(target, 'SELECT epoch, collection_held FROM instance')).toEqual([
      { epoch: 5, collection_held: true },
    ]);
    expect(await ask(target, 'SELECT id FROM signing_key')).toEqual([]);
  });

  it('of an older schema gets the steps that came later', async () => {
    const old = await anEmptyDatabase();
    const session = await BulkSession.open(old, 'test');
    const all = await listAppliedMigrations(await sessionOf(test.connection));
    await session.query('BEGIN');
    await runMigrations(session, all.slice(0, 6));
    await session.query('COMMIT');
    await makeInstance(old);
    await session.query(
      `INSERT INTO project (name) VALUES ('old');
       INSERT INTO repository (project_id, name, deleted_at) SELECT id, 'old/app', NULL FROM project;
       INSERT INTO manifest (repository_id, digest, media_type, type, payload, total_size, live, deleted_at)
       SELECT id, '\\x01', 'm', 'IMAGE', '\\x00', 1, false, now() FROM repository`,
    );
    const { to } = await world.backUp(old, storage);
    await session.close();
    const target = await restored(to);
    expect(await listAppliedMigrations(await sessionOf(target))).toEqual(all);
    // the step of collection found the rows of the backup
    expect(await ask(target, "SELECT reason FROM manifest_review WHERE reason = 'deleted'")).toHaveLength(1);
  });

  async function sessionOf(connection: ConnectionOptions): Promise<BulkSession> {
    const session = await BulkSession.open(connection, 'test');
    sessions.push(session);
    return session;
  }
  const sessions: BulkSession[] = [];
  afterEach(async () => {
    for (const session of sessions.splice(0)) await session.close();
  });

  it('has the same partitions', async () => {
    await test.database.query(
      "CREATE TABLE audit_log_2026_11 PARTITION OF audit_log FOR VALUES FROM ('2026-11-01Z') TO ('2026-12-01Z')",
    );
    await test.database.query(
      `INSERT INTO audit_log (actor, operation, resource_type, resource, happened_at)
       VALUES ('a', 'create', 'project', 'r', '2026-11-30T23:59:59Z'), ('a', 'create', 'project', 'r', '2026-12-01Z')`,
    );
    const { to } = await world.backUp(test.connection, storage);
    const rows = await ask(
      await restored(to),
      'SELECT tableoid::regclass::text AS part FROM audit_log ORDER BY id',
    );
    expect(rows).toEqual([{ part: 'audit_log_2026_11' }, { part: 'audit_log_default' }]);
  });

  it('leaves out tables that others have put beside ours, and says so', async () => {
    await test.database.query('CREATE TABLE "of the operator" (id integer)');
    const { to } = await world.backUp(test.connection, storage);
    const report = await world.restore(to, await anEmptyDatabase(), await world.aStorage());
    expect(report.strangeTables).toEqual(['of the operator']);
  });

  it('refuses an instance that has content, naming it, and one that is in use', async () => {
    const { to } = await world.backUp(test.connection, storage);
    const used = world.restore(to, test.connection, await world.aStorage());
    await expect(used).rejects.toMatchObject({
      message: expect.stringContaining('connections to this database'),
    });
    const target = await restored(to);
    await ask(target, "INSERT INTO project (name) VALUES ('mine')");
    const full = world.restore(to, target, await world.aStorage());
    await expect(full).rejects.toMatchObject({ message: expect.stringContaining('it has 1 projects') });
  });

  it('takes an instance that was started and holds nothing', async () => {
    await new ContentBuilder(test.database).aProject('saved');
    const { to } = await world.backUp(test.connection, storage);
    const started = await createTestDatabase();
    await makeInstance(started.connection);
    await started.database.query(`INSERT INTO "user" (username, sysadmin) VALUES ('admin', true)`);
    await started.database.query(`INSERT INTO project (name) VALUES ('library')`);
    await started.close();
    await restored(to, started.connection);
    expect(await ask(started.connection, 'SELECT name FROM project')).toEqual([{ name: 'saved' }]);
  });

  it('changes nothing when a load fails, and the next one is taken', async () => {
    await new ContentBuilder(test.database).aProject('saved');
    const { to } = await world.backUp(test.connection, storage);
    const target = await anEmptyDatabase();
    const place = await world.aStorage();
    // in the way of one of ours
    await ask(target, "CREATE FUNCTION remove_edges() RETURNS integer LANGUAGE sql AS 'SELECT 1'");
    await expect(world.restore(to, target, place)).rejects.toThrow('already exists');
    await ask(target, 'DROP FUNCTION remove_edges');
    expect(await ask(target, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
    await world.restore(to, target, place);
    expect(await ask(target, 'SELECT name FROM project')).toEqual([{ name: 'saved' }]);
  });

  it('refuses a directory that holds something else', async () => {
    const path = world.newPath();
    await mkdir(path);
    await writeFile(join(path, 'holiday.jpg'), '');
    await expect(world.backUp(test.connection, storage, { to: path })).rejects.toMatchObject({
      message: expect.stringContaining('holiday.jpg'),
    });
    expect(await readdir(path)).toEqual(['holiday.jpg']);
    const { to } = await world.backUp(test.connection, storage);
    await test.database.query('UPDATE instance SET instance_id = gen_random_uuid()');
    await expect(world.backUp(test.connection, storage, { to })).rejects.toMatchObject({
      message: expect.stringContaining('another instance'),
    });
  });

  it('waits for a step of the schema that is under way, and has it', async () => {
    const session = await sessionOf(test.connection);
    await session.query(
      'BEGIN; SELECT pg_advisory_xact_lock(7226543210); ALTER TABLE tag ADD COLUMN later integer',
    );
    const backup = world.backUp(test.connection, storage);
    const waiting =
      "SELECT 1 AS one FROM pg_stat_activity WHERE application_name = 'entrepot backup' AND wait_event = 'advisory'";
    while ((await ask(test.connection, waiting)).length === 0) await sleep(10);
    await session.query('COMMIT');
    const { manifest } = await backup;
    expect(manifest.tables.find(({ name }) => name === 'tag')?.columns).toContain('later');
  });

  it('runs once at a time', async () => {
    const other = await sessionOf(test.connection);
    await other.query("SELECT pg_advisory_lock(hashtext('backup'))");
    await expect(world.backUp(test.connection, storage)).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});
