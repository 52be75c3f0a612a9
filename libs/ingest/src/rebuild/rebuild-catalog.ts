import { createProject } from '@entrepot/access/create-project';
import { findProjectOfName } from '@entrepot/access/project-of-name';
import { AddedContent } from '@entrepot/catalog/added-content';
import { ManifestRecorder } from '@entrepot/catalog/manifest-recorder';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { projectNameOf } from '@entrepot/oci/project-name';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { listStoredRepositories } from './registry-directory.ts';
import { RebuildRecord, type RebuildReport } from './rebuild-report.ts';
import { RepositoryRebuild, rebuildOrigin, type RebuildParts } from './rebuild-repository.ts';

/** What a rebuild is told. */
export interface RebuildOptions {
  readonly database: Database;
  readonly store: ContentStore;
  /** Called when a repository is done. */
  readonly onRepository?: (name: RepositoryName) => void;
}

/**
 * Makes the rows of everything that a storage in distribution's layout holds: one that registry:2 or Harbor wrote, or
 * our own whose database was lost. Restores content, not rights: projects that are missing are made private and
 * without members. Beside a database that has content it adds, and removes nothing; may be run again.
 */
export async function rebuildCatalog(options: RebuildOptions): Promise<RebuildReport> {
  const { database, store, onRepository } = options;
  const record = new RebuildRecord();
  const recorder = new ManifestRecorder(database, () => undefined);
  const parts: RebuildParts = {
    store,
    content: new AddedContent(database),
    recorder,
    record,
  };
  try {
    for (const stored of await listStoredRepositories(store)) {
      const projectId = await ensureProject(database, stored.name, record);
      await new RepositoryRebuild(parts, projectId, stored).run();
      record.repositories += 1;
      onRepository?.(stored.name);
    }
  } finally {
    await recorder.close();
  }
  return record;
}

async function ensureProject(
  database: Database,
  repository: RepositoryName,
  record: RebuildRecord,
): Promise<number> {
  const known = await findProjectOfName(database, repository);
  if (known !== undefined) return known.id;
  const name = projectNameOf(repository);
  const project = { name, ownerId: undefined, public: false, withoutMembers: true };
  const id = await createProject(database, project, rebuildOrigin);
  record.projects.push(name);
  return id;
}
