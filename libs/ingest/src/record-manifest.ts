import { createHash } from 'node:crypto';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Origin } from '@entrepot/catalog/manifest-record';
import type { ManifestRecorder } from '@entrepot/catalog/manifest-recorder';
import { AppError } from '@entrepot/errors/app-error';
import { accessoryType, artifactKind } from '@entrepot/oci/artifact-kind';
import { digestAlgorithm, digestOfHash, type Digest, type DigestAlgorithm } from '@entrepot/oci/digest';
import type { Manifest } from '@entrepot/oci/manifest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';
import { describeArtifact } from './describe-artifact.ts';
import { ManifestParser } from './manifest-parser.ts';

// one for the process: its thread serves every push that has a large manifest
const parser = new ManifestParser();

/** A manifest as it was pushed. */
export interface ManifestPush {
  readonly projectId: number;
  readonly repository: RepositoryName;
  readonly bytes: Buffer;
  /** The Content-Type header. */
  readonly contentType: string | undefined;
  /** The digest that the client says it has; must be that of the bytes. */
  readonly digest: Digest | undefined;
  readonly tags: readonly Tag[];
  readonly origin: Origin;
}

/** What the answer to a push needs. */
export interface RecordedManifest {
  readonly digest: Digest;
  readonly subject: Digest | undefined;
}

/**
 * A push of a manifest (distribution-spec, "Pushing manifests"): parse, look into the config, then one short
 * transaction. `DIGEST_INVALID`, `MANIFEST_INVALID`, `MANIFEST_BLOB_UNKNOWN`, `TOO_LARGE`.
 */
export async function recordManifest(
  parts: { readonly store: ContentStore; readonly recorder: ManifestRecorder },
  push: ManifestPush,
): Promise<RecordedManifest> {
  const algorithm = push.digest === undefined ? 'sha256' : digestAlgorithm(push.digest);
  const digest = digestOf(push.bytes, algorithm);
  if (push.digest !== undefined && push.digest !== digest) {
    throw new AppError(
      'DIGEST_INVALID',
      `the bytes are those of ${digest}, not of ${push.digest}; push them under their own digest`,
    );
  }
  const manifest = await parser.parse(push.bytes, push.contentType);
  const facts = await describeArtifact(parts.store, manifest);
  await parts.recorder.record(
    {
      projectId: push.projectId,
      repository: push.repository,
      digest,
      mediaType: manifest.mediaType,
      artifactType: manifest.artifactType,
      type: artifactKind(manifest).type,
      accessoryType: accessoryType(manifest, push.tags[0]),
      config: manifest.config?.digest,
      subject: manifest.subject?.digest,
      payload: push.bytes,
      totalSize: totalSize(manifest, push.bytes.length),
      annotations: manifest.annotations,
      facts,
      blobs: manifest.blobs.map((blob) => blob.digest),
      children: [...new Set(manifest.children.map((child) => child.digest))],
      tags: push.tags,
    },
    push.origin,
  );
  return { digest, subject: manifest.subject?.digest };
}

function digestOf(bytes: Buffer, algorithm: DigestAlgorithm): Digest {
  return digestOfHash(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}

function totalSize(manifest: Manifest, payload: number): number {
  if (manifest.kind === 'index') return payload;
  // sizes are what the client says: together they may be more than anything can have
  const sum = manifest.blobs.reduce((total, blob) => total + blob.size, payload);
  return Math.min(sum, Number.MAX_SAFE_INTEGER);
}
