import type { z } from 'zod';
import type { ProjectReq } from '@entrepot/api-contract/projects';
import type { CveAllowlist } from '@entrepot/database/entities/project.entity';
import { checkMetadata } from './project-metadata.ts';

/** The settings that a request gives a project. What it does not mention is undefined, or not among the metadata. */
export interface GivenSettings {
  readonly public: boolean | undefined;
  readonly metadata: Record<string, string>;
  readonly allowlist: CveAllowlist | undefined;
}

/**
 * Reads the settings of a body. The old member `public` means the same as that of the metadata, which wins.
 * `BAD_REQUEST` for a setting that does not exist, or a value that it cannot have.
 */
export function readProjectSettings(
  body: z.output<typeof ProjectReq>,
  current: Readonly<Record<string, string>> = {},
): GivenSettings {
  const old = typeof body.public === 'boolean' ? { public: String(body.public) } : {};
  const { public: isPublic, ...metadata } = {
    ...checkMetadata(old),
    ...checkMetadata(body.metadata ?? {}, current),
  };
  return {
    public: isPublic === undefined ? undefined : isPublic === 'true',
    metadata,
    allowlist: readAllowlist(body.cve_allowlist),
  };
}

function readAllowlist(given: z.output<typeof ProjectReq>['cve_allowlist']): CveAllowlist | undefined {
  if (given === null || given === undefined) return undefined;
  const items = (given.items ?? []).map(({ cve_id }) => ({ cve_id }));
  return typeof given.expires_at === 'number' ? { items, expires_at: given.expires_at } : { items };
}
