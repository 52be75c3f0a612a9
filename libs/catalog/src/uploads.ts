import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import type { Digest, DigestAlgorithm } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { AnnouncedBlob } from './blobs.ts';
import { beginValues } from './begin-together.ts';
import { translateCatalogError } from './catalog-error.ts';

/** What identifies an upload and never changes. `principal` is `user:1`, `robot:2` or empty. */
export interface UploadIdentity {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly projectId: number;
  readonly principal: string;
  readonly algorithm: DigestAlgorithm;
}

/** The durable point of an upload: bytes, and where the driver keeps them. */
export interface DurablePoint {
  readonly size: number;
  /** The generation whose staged bytes hold it; `undefined` before the first flush. */
  readonly stored:
    | { readonly generation: number; readonly state: Readonly<Record<string, unknown>> }
    | undefined;
}

/** A writer's claim on an upload. */
export interface UploadLease extends DurablePoint {
  readonly generation: number;
  readonly algorithm: DigestAlgorithm;
}

interface LeaseRow {
  generation: number;
  size: number;
  state: Record<string, unknown> | null;
  state_generation: number;
  algorithm: DigestAlgorithm;
}

const leaseSeconds = 30;

// How long a lease lasts may be lost with the database's last moments, so nobody waits for that commit to be on disk.
// A lease itself may not: its generation names the staged bytes, and the next writer would find them taken.
const unhurried = `set_config('synchronous_commit', 'off', true)`;

const takeLease = statement<LeaseRow>(
  'upload.lease',
  `INSERT INTO upload (id, repository, project_id, principal, algorithm, owner, lease_until)
   VALUES ($1, $2, $3, $4, $5, $6, now() + interval '${leaseSeconds} seconds')
   ON CONFLICT (id) DO UPDATE SET generation = upload.generation + 1, owner = excluded.owner,
     lease_until = excluded.lease_until, updated_at = now()
   WHERE upload.finished_at IS NULL AND (upload.owner IS NULL OR upload.lease_until < now())
   RETURNING generation, size, state, state_generation, algorithm`,
);
const begin = statement<{ generation: number }>(
  'upload.begin',
  `INSERT INTO upload (id, repository, project_id, principal, algorithm, size, state, state_generation)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING RETURNING generation`,
);
const extendLease = statement(
  'upload.extend',
  `UPDATE upload SET lease_until = now() + interval '${leaseSeconds} seconds', updated_at = now()
   WHERE id = $1 AND generation = $2 AND finished_at IS NULL RETURNING ${unhurried}`,
);
const advance = statement<{ generation: number }>(
  'upload.advance',
  `UPDATE upload SET size = $3, state = $4, state_generation = $5, owner = NULL, lease_until = NULL, updated_at = now()
   WHERE id = $1 AND generation = $2 AND finished_at IS NULL RETURNING generation`,
);
const release = statement(
  'upload.release',
  'UPDATE upload SET owner = NULL, lease_until = NULL, updated_at = now() WHERE id = $1 AND generation = $2',
);
const read = statement<LeaseRow & { finished: boolean; leased: boolean }>(
  'upload.read',
  `SELECT generation, size, state, state_generation, algorithm, finished_at IS NOT NULL AS finished,
     coalesce(lease_until > now(), false) AS leased FROM upload WHERE id = $1`,
);
const cancel = statement<{ generation: number; state_generation: number }>(
  'upload.cancel',
  `INSERT INTO upload (id, repository, project_id, principal, algorithm, finished_at)
   VALUES ($1, $2, $3, $4, $5, now())
   ON CONFLICT (id) DO UPDATE SET finished_at = now(), generation = upload.generation + 1, owner = NULL,
     lease_until = NULL, updated_at = now(), size = 0
   WHERE upload.finished_at IS NULL RETURNING generation, state_generation`,
);
const close = statement<{ blob_id: number; blob_state: string }>(
  'upload.close',
  'SELECT blob_id, blob_state FROM end_upload($1, $2, $3, $4, $5, $6, $7, $8)',
);
const releaseAll = statement(
  'upload.release-all',
  'UPDATE upload SET owner = NULL, lease_until = NULL WHERE owner IS NOT NULL',
);

function durablePoint(row: LeaseRow): DurablePoint {
  const stored = row.state === null ? undefined : { generation: row.state_generation, state: row.state };
  return { size: row.size, stored };
}

function ended(id: string): AppError {
  return new AppError('UPLOAD_NOT_FOUND', `upload ${id} has ended or was cancelled; begin a new one`);
}

/** The rows of uploads: one writer at a time, by a lease with a generation. */
export class Uploads {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Claims the upload for one request. `UPLOAD_BUSY` while another request writes to it, `UPLOAD_NOT_FOUND`
   * when it has ended.
   */
  async lease(upload: UploadIdentity, owner: string): Promise<UploadLease> {
    const { id, repository, projectId, principal, algorithm } = upload;
    const [row] = await this.#database.run(takeLease, [
      id,
      repository,
      projectId,
      principal,
      algorithm,
      owner,
    ]);
    if (row === undefined) throw await this.#whyRefused(id);
    return { ...durablePoint(row), generation: row.generation, algorithm: row.algorithm };
  }

  /**
   * Records the first durable point of an upload that had no row, which then has the generation 1 and is free.
   * `UPLOAD_BUSY` when another request has begun it meanwhile, `UPLOAD_NOT_FOUND` when one has ended it.
   */
  async begin(upload: UploadIdentity, point: Required<DurablePoint>): Promise<void> {
    const [row] = await this.#database.run(begin, beginValues({ upload, point }));
    if (row === undefined) throw await this.#whyRefused(upload.id);
  }

  async #whyRefused(id: string): Promise<AppError> {
    const [now] = await this.#database.run(read, [id]);
    if (now === undefined || now.finished) return ended(id);
    return new AppError(
      'UPLOAD_BUSY',
      `another request is writing to upload ${id}; wait for it to end, ask for its status, and go on`,
      { retryAfter: 1 },
    );
  }

  /** Keeps a claim while a long body arrives. */
  async extend(id: string, generation: number): Promise<void> {
    await this.#database.run(extendLease, [id, generation]);
  }

  /** Records the durable point and gives the claim back. `UPLOAD_BUSY` when the claim was lost meanwhile. */
  async advance(id: string, generation: number, point: Required<DurablePoint>): Promise<void> {
    const values = [
      id,
      generation,
      point.size,
      JSON.stringify(point.stored?.state ?? {}),
      point.stored?.generation ?? generation,
    ];
    const [row] = await this.#database.run(advance, values);
    if (row === undefined)
      throw new AppError('UPLOAD_BUSY', `upload ${id} was taken over by another request`);
  }

  /** Gives a claim back without having moved the durable point. */
  async release(id: string, generation: number): Promise<void> {
    await this.#database.run(release, [id, generation]);
  }

  /** Where the upload stands: `undefined` when it has no row yet. `UPLOAD_NOT_FOUND` when it has ended. */
  async find(
    id: string,
  ): Promise<(DurablePoint & { readonly generation: number; readonly leased: boolean }) | undefined> {
    const [row] = await this.#database.run(read, [id]);
    if (row === undefined) return undefined;
    if (row.finished) throw ended(id);
    return { ...durablePoint(row), generation: row.generation, leased: row.leased };
  }

  /** Ends the upload without a blob. Returns the generation whose staged bytes can go. */
  async cancel(upload: UploadIdentity): Promise<number> {
    const { id, repository, projectId, principal, algorithm } = upload;
    const [row] = await this.#database.run(cancel, [id, repository, projectId, principal, algorithm]);
    if (row === undefined) throw ended(id);
    return row.state_generation;
  }

  /**
   * Ends the upload with the intent to publish (blob state *committing*), before bytes move. `generation` 0: the
   * upload has no row yet. Returns what the blob is already.
   */
  async close(
    upload: UploadIdentity,
    generation: number,
    blob: { digest: Digest; size: number },
  ): Promise<AnnouncedBlob> {
    const { id, repository, projectId, principal, algorithm } = upload;
    const values = [
      id,
      generation,
      repository,
      projectId,
      principal,
      algorithm,
      digestToBytes(blob.digest),
      blob.size,
    ];
    try {
      const [row] = await this.#database.run(close, values);
      if (row === undefined) throw ended(id);
      return { id: row.blob_id, state: row.blob_state };
    } catch (error) {
      throw translateCatalogError(error);
    }
  }

  /** Frees every claim: for the start of the only process, whose predecessor may have been killed. */
  async releaseAll(): Promise<void> {
    await this.#database.run(releaseAll);
  }
}
