import { createHash } from 'node:crypto';
import type { AddedContent } from '@entrepot/catalog/added-content';
import type { Origin } from '@entrepot/catalog/manifest-record';
import type { ManifestRecorder } from '@entrepot/catalog/manifest-recorder';
import type { ContentStore } from '@entrepot/content-store/content-store';
import { readLink } from '@entrepot/content-store/read-link';
import { AppError, isAppError } from '@entrepot/errors/app-error';
import { digestAlgorithm, digestOfHash, parseDigest, type Digest } from '@entrepot/oci/digest';
import { manifestLimits, parseManifest, type Manifest } from '@entrepot/oci/manifest';
import { recordManifest } from '../record-manifest.ts';
import type { StoredRepository } from './registry-directory.ts';
import type { RebuildRecord } from './rebuild-report.ts';

/** What rebuilding is done with. */
export interface RebuildParts {
  readonly store: ContentStore;
  readonly content: AddedContent;
  readonly recorder: ManifestRecorder;
  readonly record: RebuildRecord;
}

/** Who the audit log and the facts say it was. */
export const rebuildOrigin: Origin = {
  actor: 'rebuild',
  actorKind: 'system',
  requestId: undefined,
  address: undefined,
  userAgent: undefined,
  method: undefined,
  host: undefined,
};

/** One manifest of the storage that the database does not have. */
interface Candidate {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly manifest: Manifest;
}

/** Brings what a storage holds of one repository into the database. Adds, and removes nothing. */
export class RepositoryRebuild {
  readonly #parts: RebuildParts;
  readonly #projectId: number;
  readonly #stored: StoredRepository;

  constructor(parts: RebuildParts, projectId: number, stored: StoredRepository) {
    this.#parts = parts;
    this.#projectId = projectId;
    this.#stored = stored;
  }

  /** Manifests, children before the indexes that list them, then tags. */
  async run(): Promise<void> {
    const { content, record } = this.#parts;
    const known = await content.listKnown(this.#stored.name, this.#stored.manifests);
    record.known += known.size;
    const indexes: Digest[] = [];
    for (const digest of this.#stored.manifests) {
      if (known.has(digest)) continue;
      const candidate = await this.#read(digest);
      if (candidate === undefined) continue;
      if (candidate.manifest.kind === 'index') indexes.push(digest);
      else await this.#add(candidate, (why) => this.#leaveOut(digest, why));
    }
    await this.#addIndexes(indexes);
    for (const tag of this.#stored.tags) await this.#addTag(tag);
  }

  /** Indexes may list indexes: whatever order works is found by trying again while something comes of it. */
  async #addIndexes(digests: readonly Digest[]): Promise<void> {
    const reasons = new Map<Digest, string>();
    for (let left = digests; left.length > 0;) {
      const again: Digest[] = [];
      for (const digest of left) {
        const candidate = await this.#read(digest);
        if (candidate === undefined) continue;
        await this.#add(candidate, (why) => {
          reasons.set(digest, why);
          again.push(digest);
        });
      }
      if (again.length === left.length) {
        for (const digest of again) this.#leaveOut(digest, reasons.get(digest) ?? '');
        return;
      }
      left = again;
    }
  }

  /** The bytes of a manifest, if they are there, are its own, and are a manifest. */
  async #read(digest: Digest): Promise<Candidate | undefined> {
    try {
      const bytes = await this.#parts.store.readWhole(digest, manifestLimits.maxBytes);
      if (bytes === undefined) return this.#leaveOut(digest, 'its bytes are not in the storage');
      const algorithm = digestAlgorithm(digest);
      if (digestOfHash(algorithm, createHash(algorithm).update(bytes).digest('hex')) !== digest) {
        return this.#leaveOut(digest, 'its bytes are damaged: they have another digest');
      }
      return { digest, bytes, manifest: parseManifest(bytes, undefined) };
    } catch (error) {
      if (!isAppError(error, 'MANIFEST_INVALID', 'TOO_LARGE')) throw error;
      return this.#leaveOut(digest, error.message);
    }
  }

  async #add({ digest, bytes, manifest }: Candidate, refuse: (why: string) => void): Promise<void> {
    const { store, content, recorder, record } = this.#parts;
    const { name } = this.#stored;
    try {
      await this.#linkBlobs(manifest.blobs.map((blob) => blob.digest));
      await recordManifest(
        { store, recorder },
        {
          projectId: this.#projectId,
          repository: name,
          bytes,
          contentType: undefined,
          digest,
          tags: [],
          origin: rebuildOrigin,
        },
      );
    } catch (error) {
      if (!isAppError(error)) throw error;
      return refuse(error.message);
    }
    // the bytes lie at a key of blobs: the manifest uses them
    await this.#linkBlobs([digest]);
    await content.holdBytes(name, [digest]);
    record.manifests += 1;
  }

  /** All of them or, with nothing changed, none: what is left out is not collected for having been looked at. */
  async #linkBlobs(digests: readonly Digest[]): Promise<void> {
    const { store, content } = this.#parts;
    const blobs: { digest: Digest; size: number }[] = [];
    for (const digest of digests) {
      const size = await store.stat(digest);
      if (size === undefined) {
        throw new AppError('MANIFEST_BLOB_UNKNOWN', `blob ${digest} is not in the storage`);
      }
      blobs.push({ digest, size });
    }
    const announced = await content.announceAll(blobs);
    await content.linkAll(this.#projectId, this.#stored.name, announced);
  }

  async #addTag(tag: StoredRepository['tags'][number]): Promise<void> {
    const { store, content, record } = this.#parts;
    const { name } = this.#stored;
    const digest = parseDigest((await readLink(store, name, { kind: 'tag', tag })) ?? '');
    if (digest === undefined) return record.leaveOut(`${name}:${tag}`, 'its link holds no digest');
    switch (await content.addTag(name, { tag, digest }, rebuildOrigin)) {
      case 'added':
        record.tags += 1;
        return;
      case 'known':
        record.known += 1;
        return;
      case 'unknown-manifest':
        record.leaveOut(`${name}:${tag}`, `manifest ${digest} was left out or is not there`);
    }
  }

  #leaveOut(digest: Digest, why: string): undefined {
    this.#parts.record.leaveOut(`${this.#stored.name}@${digest}`, why);
  }
}
