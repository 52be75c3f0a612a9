import { createHash, randomBytes } from 'node:crypto';
import type { Database } from '@entrepot/database/database';
import { digestOfHash, type Digest } from '@entrepot/oci/digest';
import { parseRepositoryName, type RepositoryName } from '@entrepot/oci/repository-name';
import { parseTag, type Tag } from '@entrepot/oci/tag';
import { Blobs } from '../blobs.ts';
import type { ManifestRecord, Origin } from '../manifest-record.ts';
import { Manifests } from '../manifests.ts';

/** The origin of changes that tests make. */
export const testOrigin: Origin = {
  actor: 'tester',
  actorKind: 'user',
  requestId: 'test',
  address: '127.0.0.1',
  userAgent: 'test',
  method: 'PUT',
  host: 'localhost',
};

/** A name that is known to be one. */
export function repositoryName(text: string): RepositoryName {
  const name = parseRepositoryName(text);
  if (name === undefined) throw new Error(`${text} is no repository name`);
  return name;
}

/** A tag that is known to be one. */
export function tagName(text: string): Tag {
  const tag = parseTag(text);
  if (tag === undefined) throw new Error(`${text} is no tag`);
  return tag;
}

/** The digest of bytes, or of random ones. */
export function aDigest(bytes: Uint8Array = randomBytes(16)): Digest {
  return digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
}

/** Makes content rows as a push makes them, without bytes. */
export class ContentBuilder {
  readonly #database: Database;
  readonly blobs: Blobs;
  readonly manifests: Manifests;

  constructor(database: Database) {
    this.#database = database;
    this.blobs = new Blobs(database);
    this.manifests = new Manifests(database);
  }

  /** A project; its id. */
  async aProject(name: string): Promise<number> {
    const [row] = await this.#database.query<{ id: number }>(
      'INSERT INTO project (name) VALUES ($1) RETURNING id',
      [name],
    );
    return row?.id ?? 0;
  }

  /** The id of a repository that has been pushed to. */
  async repositoryId(name: RepositoryName): Promise<number> {
    const [row] = await this.#database.query<{ id: number }>('SELECT id FROM repository WHERE name = $1', [
      name,
    ]);
    return row?.id ?? 0;
  }

  /** A live blob that is linked in the repository. */
  async aBlob(projectId: number, repository: RepositoryName, size = 100): Promise<Digest> {
    const digest = aDigest();
    await this.link(projectId, repository, digest, size);
    return digest;
  }

  /** Links a blob as a push does whose bytes are durable. */
  async link(projectId: number, repository: RepositoryName, digest: Digest, size = 100): Promise<void> {
    const { id } = await this.blobs.announce(digest, size);
    await this.blobs.link({ projectId, repository, digest, blobId: id });
  }

  /** A manifest with random payload. */
  aManifest(
    projectId: number,
    repository: RepositoryName,
    more: Partial<ManifestRecord> = {},
  ): ManifestRecord {
    const payload = randomBytes(32);
    return {
      projectId,
      repository,
      digest: aDigest(payload),
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: undefined,
      type: 'IMAGE',
      accessoryType: undefined,
      config: undefined,
      subject: undefined,
      payload,
      totalSize: payload.length,
      annotations: {},
      facts: undefined,
      blobs: [],
      children: [],
      tags: [],
      ...more,
    };
  }
}
