import type { ContentStore, StoredBlob } from '@entrepot/content-store/content-store';
import { digestHex, type Digest } from '@entrepot/oci/digest';
import type { BlobRow, BlobRows } from './blob-rows.ts';
import type { Finding, FindingKind } from './finding.ts';

/** What is compared, and how closely. */
export interface ComparisonParts {
  readonly rows: BlobRows;
  readonly store: ContentStore;
  /** Per cent of the objects that are read and hashed, 0 to 100. */
  readonly samplePercent: number;
  readonly signal: AbortSignal;
}

const page = 1_000;

/**
 * Compares the blobs of database and storage, both ways, while others push and delete: what looks wrong is looked at
 * once more before it counts. Pushers write the row before the bytes and collection removes the bytes before the row,
 * so at no moment of a healthy registry are there bytes without a row, or a live row without bytes. Holds the ids of
 * all blobs in memory.
 */
export class Comparison {
  readonly findings: Finding[] = [];
  objects = 0;
  bytes = 0;
  hashed = 0;
  blobs = 0;
  readonly #parts: ComparisonParts;
  readonly #seen = new Set<number>();

  constructor(parts: ComparisonParts) {
    this.#parts = parts;
  }

  /** The storage first, then what the database has beside it. */
  async run(): Promise<void> {
    const { store, rows, signal } = this.#parts;
    let some: StoredBlob[] = [];
    for await (const object of store.listBlobs()) {
      some.push(object);
      if (some.length < page) continue;
      signal.throwIfAborted();
      await this.#compareObjects(some);
      some = [];
    }
    await this.#compareObjects(some);
    for await (const live of rows.listLivePages(page)) {
      signal.throwIfAborted();
      this.blobs += live.length;
      for (const row of live) if (!this.#seen.has(row.id)) await this.#expectBytes(row);
    }
  }

  async #compareObjects(objects: readonly StoredBlob[]): Promise<void> {
    const rows = await this.#parts.rows.find(objects.map(({ digest }) => digest));
    for (const object of objects) {
      this.objects += 1;
      this.bytes += object.size;
      const row = rows.get(object.digest);
      if (row === undefined) await this.#expectRow(object);
      else await this.#compare(object, row);
    }
  }

  async #expectRow({ digest }: StoredBlob): Promise<void> {
    const size = await this.#parts.store.stat(digest);
    if (size !== undefined && (await this.#find(digest)) === undefined) this.#note('unknown', digest, size);
  }

  async #compare(object: StoredBlob, row: BlobRow): Promise<void> {
    this.#seen.add(row.id);
    if (object.size !== row.size) await this.#compareSizes(object.digest);
    else if (row.state === 'damaged') {
      if (await this.#isWhole(object.digest)) this.#note('whole', object.digest, object.size);
    } else if (this.#isSampled(object.digest)) await this.#expectWhole(object);
  }

  async #compareSizes(digest: Digest): Promise<void> {
    const [size, row] = [await this.#parts.store.stat(digest), await this.#find(digest)];
    if (row?.state === 'live' && size !== row.size) this.#note('size', digest, size ?? 0);
  }

  async #expectWhole({ digest, size }: StoredBlob): Promise<void> {
    if (await this.#isWhole(digest)) return;
    if ((await this.#find(digest))?.state === 'live') this.#note('bytes', digest, size);
  }

  async #expectBytes({ digest }: BlobRow): Promise<void> {
    if ((await this.#parts.store.stat(digest)) !== undefined) return;
    if ((await this.#find(digest))?.state === 'live') this.#note('missing', digest, 0);
  }

  async #find(digest: Digest): Promise<BlobRow | undefined> {
    return (await this.#parts.rows.find([digest])).get(digest);
  }

  /** The same objects each time, spread evenly: the digest is random enough. */
  #isSampled(digest: Digest): boolean {
    return (Number.parseInt(digestHex(digest).slice(0, 6), 16) / 0x1000000) * 100 < this.#parts.samplePercent;
  }

  /** No bytes are no wrong bytes: they were removed meanwhile. */
  async #isWhole(digest: Digest): Promise<boolean> {
    this.#parts.signal.throwIfAborted();
    this.hashed += 1;
    return (await this.#parts.store.isWhole(digest)) !== false;
  }

  #note(kind: FindingKind, digest: Digest, size: number): void {
    this.findings.push({ kind, digest, size });
  }
}
