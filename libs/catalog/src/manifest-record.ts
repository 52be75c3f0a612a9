import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';

/** Who did it and by which request: part of the audit row and of the fact. */
export interface Origin {
  readonly actor: string;
  readonly actorKind: 'user' | 'robot' | 'anonymous' | 'system';
  readonly requestId: string | undefined;
  readonly address: string | undefined;
  readonly userAgent: string | undefined;
  readonly method: string | undefined;
  readonly host: string | undefined;
}

/** A manifest that passed every check but the last: that what it names is there. Sizes in bytes. */
export interface ManifestRecord {
  readonly projectId: number;
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  /** The kind that people see: IMAGE, CHART, … */
  readonly type: string;
  readonly accessoryType: string | undefined;
  readonly config: Digest | undefined;
  readonly subject: Digest | undefined;
  readonly payload: Buffer;
  /** Payload, config and layers together; of an index the payload alone: its children are added. */
  readonly totalSize: number;
  readonly annotations: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, unknown>> | undefined;
  readonly blobs: readonly Digest[];
  readonly children: readonly Digest[];
  readonly tags: readonly Tag[];
}

/** The request as the fact of a push carries it. */
export function requestOf(origin: Origin): Readonly<Record<string, string | undefined>> {
  const { requestId, actorKind, address, userAgent, method, host } = origin;
  return { id: requestId, actorKind, address, userAgent, method, host };
}
