import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CollectionWindows } from '@entrepot/catalog/collection/collection-windows';
import { Collector } from '@entrepot/catalog/collection/collector';
import { ContentStore } from '@entrepot/content-store/content-store';
import { blobKey } from '@entrepot/content-store/layout';
import { Database } from '@entrepot/database/database';
import { digestFromBytes, digestToBytes } from '@entrepot/database/digest-bytes';
import type { TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import { Crash, FaultyDriver, type Chance, type Faults } from './faulty-driver.ts';
import { PushProcess } from './push-process.ts';

/** A blob that something refers to, by which manifest. */
interface Reference {
  readonly manifest_id: number;
  readonly digest: Buffer;
  readonly size: number;
}

const references = `SELECT e.manifest_id, b.digest, b.size FROM manifest_blob e
  JOIN manifest m ON m.id = e.manifest_id AND m.live JOIN blob b ON b.id = e.blob_id`;
// long enough for whatever else the machine does
const longLeaseSeconds = 60;
const noFaults: Faults = { pause: 0, longestPauseMs: 0, crash: 0 };

/**
 * Two processes that push and delete, and two that collect, on one database and one storage, with pauses and crashes;
 * and the questions whether anything that is referenced is missing, and whether the storage holds what the database
 * says and nothing else.
 */
export class CollectionWorld {
  readonly processes: readonly PushProcess[];
  readonly #databases: readonly Database[];
  readonly #drivers: readonly FaultyDriver[];
  readonly #root: string;
  readonly #windows: CollectionWindows;

  private constructor(root: string, databases: readonly Database[], chance: Chance, leaseSeconds: number) {
    this.#root = root;
    this.#databases = databases;
    this.#drivers = databases.map(() => new FaultyDriver(root, chance));
    this.processes = databases.map((database, index) => {
      return new PushProcess(database, new ContentStore(this.#driver(index)));
    });
    this.#windows = { reviewSeconds: 0, quarantineSeconds: 0, recycleDays: 0, leaseSeconds };
  }

  /** Opens it on an empty storage. */
  static async open(test: TestDatabase, chance: Chance, leaseSeconds: number): Promise<CollectionWorld> {
    const root = await mkdtemp(join(tmpdir(), 'entrepot-world-'));
    const { connection } = test;
    const databases = [
      await Database.connect({ connection, poolSize: 8 }),
      await Database.connect({ connection, poolSize: 8 }),
    ];
    return new CollectionWorld(root, databases, chance, leaseSeconds);
  }

  /** What goes wrong from now on. */
  set faults(faults: Faults) {
    for (const driver of this.#drivers) driver.faults = faults;
  }

  /** Collects in both processes, again and again, until `signal` says that it is enough. */
  async collect(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#databases.map((_, index) => this.#collectIn(index, signal)));
  }

  /** Blobs that are referenced and whose bytes are not there, also after a paused process has put back what it took. */
  async findMissing(): Promise<string[]> {
    let missing = await this.#database.query<Reference>(references);
    for (const wait of [0, 100, 500, 2000]) {
      await sleep(wait);
      missing = await this.#stillMissing(missing);
      if (missing.length === 0) return [];
    }
    return missing.map(({ digest }) => digestFromBytes(digest));
  }

  /** Lets all leases and windows pass and collects until nothing is left to do, without faults. */
  async settle(): Promise<void> {
    this.faults = noFaults;
    await this.#database.query(
      `UPDATE blob SET lease_until = now() - interval '1 s' WHERE state = 'deleting'`,
    );
    for (;;) {
      for (const table of ['link_review', 'manifest_review', 'blob_review'])
        await this.#database.query(`UPDATE ${table} SET review_after = now() WHERE review_after > now()`);
      const { looked } = await this.#collector(0, longLeaseSeconds).run({
        signal: new AbortController().signal,
      });
      if (looked === 0) return;
    }
  }

  /**
   * Bytes of which no row knows: what a process published that died at once, when it had been so slow before that its
   * intent was collected. `entrepot verify` finds them; here they become known as it makes them known.
   */
  async adoptOrphans(): Promise<string[]> {
    const known = new Set(await this.listRows());
    const orphans = new Set(this.#drivers.flatMap((driver) => [...driver.orphans]));
    const unexpected: string[] = [];
    for (const digest of await this.listStored()) {
      if (known.has(digest)) continue;
      if (orphans.has(blobKey(digest))) await this.#adopt(digest);
      else unexpected.push(digest);
    }
    return unexpected;
  }

  /** The digests of all rows of blobs, sorted. */
  async listRows(): Promise<Digest[]> {
    const rows = await this.#database.query<{ digest: Buffer }>('SELECT digest FROM blob');
    return rows.map(({ digest }) => digestFromBytes(digest)).toSorted();
  }

  /** The digests of all blobs that something refers to, sorted. */
  async listReferenced(): Promise<Digest[]> {
    const rows = await this.#database.query<Reference>(references);
    return [...new Set(rows.map(({ digest }) => digestFromBytes(digest)))].toSorted();
  }

  /** The digests of all blobs of the storage, sorted; what removals have left is none of them and fails. */
  async listStored(): Promise<Digest[]> {
    const store = new ContentStore(this.#driver(0));
    for await (const trashed of store.listTrash()) throw new Error(`${trashed.digest} is left in the trash`);
    const digests: Digest[] = [];
    for await (const { digest } of store.listBlobs()) digests.push(digest);
    return digests.toSorted();
  }

  /** Projects of which what is counted is not what is there. */
  async findMiscounted(): Promise<readonly object[]> {
    return await this.#database.query(`
      SELECT p.name, counted.bytes AS counted, held.bytes + payloads.bytes AS held FROM project p
      CROSS JOIN LATERAL (SELECT coalesce(sum(bytes), 0) AS bytes FROM usage_delta WHERE project_id = p.id) counted
      CROSS JOIN LATERAL (SELECT coalesce(sum(b.size), 0) AS bytes FROM project_blob c JOIN blob b ON b.id = c.blob_id
        WHERE c.project_id = p.id) held
      CROSS JOIN LATERAL (SELECT coalesce(sum(octet_length(m.payload)), 0) AS bytes FROM manifest m
        JOIN repository r ON r.id = m.repository_id WHERE r.project_id = p.id) payloads
      WHERE counted.bytes <> held.bytes + payloads.bytes`);
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.close()));
    await Promise.all(this.#databases.map((database) => database.close()));
    await rm(this.#root, { recursive: true, force: true });
  }

  get #database(): Database {
    const [first] = this.#databases;
    if (first === undefined) throw new Error('there is no process');
    return first;
  }

  #driver(index: number): FaultyDriver {
    const driver = this.#drivers[index];
    if (driver === undefined) throw new Error(`there is no process ${index}`);
    return driver;
  }

  #collector(index: number, leaseSeconds = this.#windows.leaseSeconds): Collector {
    return new Collector({
      database: this.#databases[index] ?? this.#database,
      bytes: new ContentStore(this.#driver(index)),
      windows: { ...this.#windows, leaseSeconds },
      checkStorage: async () => undefined,
      pace: { share: 1 },
    });
  }

  async #collectIn(index: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#collector(index).run({ signal });
      } catch (error) {
        if (!(error instanceof Crash) && !signal.aborted) throw error;
      }
      await sleep(2);
    }
  }

  async #stillMissing(found: readonly Reference[]): Promise<Reference[]> {
    const store = new ContentStore(this.#driver(0));
    const absent: Reference[] = [];
    for (const reference of found) {
      if ((await store.stat(digestFromBytes(reference.digest))) !== reference.size) absent.push(reference);
    }
    if (absent.length === 0) return [];
    const now = await this.#database.query<Reference>(references);
    const keys = new Set(now.map(textOf));
    return absent.filter((reference) => keys.has(textOf(reference)));
  }

  async #adopt(digest: Digest): Promise<void> {
    await this.#database.query(
      `INSERT INTO blob (digest, size, live, state) VALUES ($1, 0, false, 'quarantined') ON CONFLICT DO NOTHING`,
      [digestToBytes(digest)],
    );
  }
}

function textOf({ manifest_id: id, digest }: Reference): string {
  return `${id} ${digest.toString('hex')}`;
}
