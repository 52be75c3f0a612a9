import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { BlobPublisher } from '@entrepot/catalog/blob-publisher';
import { Blobs } from '@entrepot/catalog/blobs';
import type { Origin } from '@entrepot/catalog/manifest-record';
import { ManifestRecorder } from '@entrepot/catalog/manifest-recorder';
import { Manifests } from '@entrepot/catalog/manifests';
import { deleteRepository, purgeRepositoryBatch } from '@entrepot/catalog/repositories';
import { restoreManifest } from '@entrepot/catalog/collection/recycle-bin';
import { Uploads, type UploadIdentity } from '@entrepot/catalog/uploads';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { digestOfHash, type Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';
import { recordManifest } from '../record-manifest.ts';
import { UploadSession } from '../upload-session.ts';

const origin: Origin = {
  actor: 'pusher',
  actorKind: 'user',
  requestId: undefined,
  address: undefined,
  userAgent: undefined,
  method: 'PUT',
  host: 'localhost',
};
const oci = 'application/vnd.oci.image';

/** A repository of the test, with the id that it had when it was looked up. */
export interface Place {
  readonly projectId: number;
  readonly name: RepositoryName;
}

/** The sha256 of bytes. */
export function digestOf(bytes: Buffer): Digest {
  return digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
}

/** What one process of the registry does with content, without HTTP: pushes, mounts, questions, deletions. */
export class PushProcess {
  readonly #database: Database;
  readonly #store: ContentStore;
  readonly #publisher: BlobPublisher;
  readonly #recorder: ManifestRecorder;
  readonly #uploads: UploadSession;
  readonly #blobs: Blobs;
  readonly #manifests: Manifests;

  constructor(database: Database, store: ContentStore) {
    this.#database = database;
    this.#store = store;
    this.#publisher = new BlobPublisher(database, () => undefined);
    this.#recorder = new ManifestRecorder(database, () => undefined);
    this.#blobs = new Blobs(database);
    this.#manifests = new Manifests(database);
    this.#uploads = new UploadSession({
      store,
      uploads: new Uploads(database),
      blobs: this.#publisher,
      owner: randomUUID(),
    });
  }

  /** Pushes bytes as a blob, in one request. */
  async pushBlob({ projectId, name }: Place, bytes: Buffer): Promise<void> {
    const upload: UploadIdentity = {
      id: randomUUID(),
      repository: name,
      projectId,
      principal: 'user:1',
      algorithm: 'sha256',
    };
    const stream = Readable.from([Buffer.from(bytes)], { objectMode: false });
    const body = { stream, length: bytes.length, start: undefined };
    await this.#uploads.finish(upload, body, digestOf(bytes), true);
  }

  /** Records a manifest of these blobs. Returns its digest. */
  async pushManifest(place: Place, blobs: readonly Buffer[], tags: readonly Tag[]): Promise<Digest> {
    const [config, ...layers] = blobs.map((bytes) => ({ digest: digestOf(bytes), size: bytes.length }));
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: `${oci}.manifest.v1+json`,
        config: { mediaType: 'application/x-test', ...config },
        layers: layers.map((layer) => ({ mediaType: `${oci}.layer.v1.tar`, ...layer })),
      }),
    );
    return await this.#record(place, bytes, tags);
  }

  /** Records an index of manifests. Returns its digest. */
  async pushIndex(place: Place, children: readonly Digest[], tags: readonly Tag[]): Promise<Digest> {
    const manifests = children.map((digest) => {
      return { mediaType: `${oci}.manifest.v1+json`, digest, size: 100 };
    });
    const text = JSON.stringify({ schemaVersion: 2, mediaType: `${oci}.index.v1+json`, manifests });
    return await this.#record(place, Buffer.from(text), tags);
  }

  /** Mounts a blob from wherever it is. False when it is nowhere. */
  async mount(place: Place, digest: Digest): Promise<boolean> {
    const { projectId, name: repository } = place;
    return await this.#blobs.mount({ projectId, repository }, digest, {
      repository: undefined,
      projectIds: undefined,
    });
  }

  /** Asks as a pusher whether a blob is here. */
  async head({ name }: Place, digest: Digest): Promise<boolean> {
    const id = await this.#repositoryId(name);
    return id !== undefined && (await this.#blobs.keepLink(id, digest));
  }

  /** Deletes a manifest, if it is there and nothing uses it. */
  async deleteManifest({ name }: Place, digest: Digest): Promise<void> {
    const id = await this.#repositoryId(name);
    if (id !== undefined) await this.#manifests.delete(id, digest, origin);
  }

  /** Deletes a tag, if it is there. */
  async deleteTag({ name }: Place, tag: Tag): Promise<void> {
    const id = await this.#repositoryId(name);
    if (id !== undefined) await this.#manifests.deleteTag(id, tag, origin);
  }

  /** Takes a blob out of a repository, if nothing uses it. */
  async deleteBlob({ name }: Place, digest: Digest): Promise<void> {
    const id = await this.#repositoryId(name);
    if (id !== undefined) await this.#blobs.unlink(id, digest);
  }

  /** Deletes a repository and empties it, if it is there. */
  async deleteRepository({ name }: Place): Promise<void> {
    const id = await this.#repositoryId(name);
    if (id === undefined || !(await deleteRepository(this.#database, id, origin))) return;
    while ((await purgeRepositoryBatch(this.#database, id, 10)) > 0);
  }

  /** Brings a deleted manifest back, if it is in the recycle bin still. */
  async restore({ projectId, name }: Place, digest: Digest): Promise<void> {
    const id = await this.#repositoryId(name);
    if (id !== undefined) await restoreManifest(this.#database, { id, projectId, name }, digest, origin);
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await this.#uploads.close();
    await Promise.all([this.#publisher.close(), this.#recorder.close()]);
  }

  async #record({ projectId, name }: Place, bytes: Buffer, tags: readonly Tag[]): Promise<Digest> {
    const { digest } = await recordManifest(
      { store: this.#store, recorder: this.#recorder },
      { projectId, repository: name, bytes, contentType: undefined, digest: undefined, tags, origin },
    );
    return digest;
  }

  async #repositoryId(name: RepositoryName): Promise<number | undefined> {
    const [row] = await this.#database.query<{ id: number }>(
      'SELECT id FROM repository WHERE name = $1 AND deleted_at IS NULL',
      [name],
    );
    return row?.id;
  }
}
