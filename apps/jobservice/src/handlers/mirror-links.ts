import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { mirrorLinks } from '@entrepot/jobs/definitions/content';
import { handle, type JobHandler } from '@entrepot/jobs/handler';
import { LinkMirror } from '@entrepot/mirror/link-mirror';

/** What this handler needs. */
export interface MirrorResources {
  readonly database: Database;
  readonly store: ContentStore;
}

/** Mirrors what facts and triggers have marked; nothing, where the mirror is off. */
export function mirrorLinksHandler(resources: MirrorResources): JobHandler {
  const mirror = new LinkMirror(resources);
  return handle(mirrorLinks, async (_, { signal }) => void (await mirror.run(signal)));
}
