import { z } from 'zod';
import type { ResultOf } from '@entrepot/api-contract/operation';
import type { getArtifact } from '@entrepot/api-contract/artifacts';
import type { AccessoryRow, ArtifactRow, ArtifactTag } from '@entrepot/catalog/list-artifacts';
import { digestFromBytes, digestToBytes } from '@entrepot/database/digest-bytes';
import { parseDigest } from '@entrepot/oci/digest';

type Artifact = ResultOf<typeof getArtifact>;

/** How a time that never was looks in Harbor's API. */
export const never = '0001-01-01T00:00:00.000Z';

const annotations = z.record(z.string(), z.string()).optional().catch(undefined);
const described = z.object({
  config: z.object({ mediaType: z.string() }).optional().catch(undefined),
  manifests: z
    .array(
      z.object({
        digest: z.string(),
        annotations,
        platform: z
          .object({
            architecture: z.string(),
            os: z.string(),
            'os.version': z.string().optional(),
            'os.features': z.array(z.string()).optional(),
            variant: z.string().optional(),
          })
          .optional()
          .catch(undefined),
      }),
    )
    .optional()
    .catch(undefined),
});

/** An artifact in the form of the API. */
export function toArtifact(row: ArtifactRow): Artifact {
  const manifest = readManifest(row.payload);
  const mediaType = manifest.config?.mediaType ?? row.media_type;
  return {
    id: row.id,
    type: row.type,
    media_type: mediaType,
    manifest_media_type: row.media_type,
    artifact_type: row.artifact_type ?? mediaType,
    project_id: row.project_id,
    repository_id: row.repository_id,
    repository_name: row.repository,
    digest: digestFromBytes(row.digest),
    size: row.total_size,
    icon: '',
    push_time: row.pushed_at.toISOString(),
    pull_time: row.pulled_at?.toISOString() ?? never,
    extra_attrs: row.facts,
    annotations: row.annotations,
    references: toReferences(row, manifest),
    tags: row.tags?.map((tag) => toTag(row, tag)) ?? null,
    addition_links: {},
    labels: null,
    accessories: row.accessories?.map((accessory) => toAccessory(row, accessory)) ?? null,
  };
}

/** A tag of an artifact in the form of the API. */
export function toTag(
  artifact: Pick<ArtifactRow, 'id' | 'repository_id'>,
  tag: Omit<ArtifactTag, 'pushed_at' | 'pulled_at'> & {
    readonly pushed_at: string | Date;
    readonly pulled_at: string | Date | null;
  },
): NonNullable<Artifact['tags']>[number] {
  return {
    id: tag.id,
    repository_id: artifact.repository_id,
    artifact_id: artifact.id,
    name: tag.name,
    push_time: new Date(tag.pushed_at).toISOString(),
    pull_time: tag.pulled_at === null ? never : new Date(tag.pulled_at).toISOString(),
    immutable: false,
  };
}

/** What was attached to an artifact, in the form of the API. */
export function toAccessory(
  subject: Pick<ArtifactRow, 'id' | 'digest' | 'repository'>,
  row: AccessoryRow,
): NonNullable<Artifact['accessories']>[number] {
  return {
    id: row.id,
    artifact_id: row.id,
    subject_artifact_id: subject.id,
    subject_artifact_digest: digestFromBytes(subject.digest),
    subject_artifact_repo: subject.repository,
    size: row.size,
    digest: digestFromBytes(Buffer.from(row.digest, 'hex')),
    type: row.type,
    icon: '',
    creation_time: new Date(row.pushed_at).toISOString(),
  };
}

function readManifest(payload: Buffer | null): z.output<typeof described> {
  if (payload === null) return {};
  try {
    return described.parse(JSON.parse(payload.toString('utf8')));
  } catch {
    // what is shown of a manifest must never keep the list from being shown
    return {};
  }
}

function toReferences(row: ArtifactRow, manifest: z.output<typeof described>): Artifact['references'] {
  if (manifest.manifests === undefined) return null;
  return manifest.manifests.map((child) => {
    const digest = parseDigest(child.digest);
    const id = digest === undefined ? undefined : row.children?.[digestToBytes(digest).toString('hex')];
    return {
      parent_id: row.id,
      ...(id === undefined ? {} : { child_id: id }),
      child_digest: child.digest,
      ...(child.platform === undefined ? {} : { platform: child.platform }),
      ...(child.annotations === undefined ? {} : { annotations: child.annotations }),
    };
  });
}
