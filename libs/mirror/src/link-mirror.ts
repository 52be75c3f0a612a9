import { AddedContent } from '@entrepot/catalog/added-content';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { LinkFiles } from './link-files.ts';
import { dropMarks, readMarks, takeMarks, type Mark } from './marks.ts';
import { MirroredContent, type MirroredRepository } from './mirrored-content.ts';
import { RepositoryMirror, type RepositoryMirrorParts } from './repository-mirror.ts';

const batch = 500;

/**
 * Makes the files of repositories equal to what the database says now, in the layout of distribution. Level-triggered:
 * order and repeats of marks do not matter, and what is as it should be is only looked at. No request reads the files.
 */
export class LinkMirror {
  readonly #database: Database;
  readonly #parts: RepositoryMirrorParts;

  constructor({ database, store }: { readonly database: Database; readonly store: ContentStore }) {
    this.#database = database;
    this.#parts = {
      store,
      added: new AddedContent(database),
      content: new MirroredContent(database),
      files: new LinkFiles(store),
    };
  }

  /** Mirrors everything that is marked, and what is marked meanwhile. Returns how many marks that were. */
  async run(signal: AbortSignal): Promise<number> {
    for (let done = 0; ;) {
      signal.throwIfAborted();
      const marks = await takeMarks(this.#database, batch);
      if (marks.length === 0) return done;
      await this.#mirrorAll(marks);
      // another run may have done them, and have written what was so before or after us
      const changed = await dropMarks(this.#database, marks);
      await this.#mirrorAll(changed);
      done += marks.length;
    }
  }

  async #mirrorAll(marks: readonly Mark[]): Promise<void> {
    for (const [id, own] of Map.groupBy(marks, ({ repositoryId }) => repositoryId))
      await this.#mirror(id, own);
  }

  async #mirror(repositoryId: number, marks: readonly Mark[]): Promise<void> {
    const repository = await this.#parts.content.findRepository(repositoryId);
    if (repository === undefined) return;
    if (repository.isGone) {
      await this.#mirrorGone(repository);
      return;
    }
    const mirror = new RepositoryMirror(this.#parts, repository);
    const { isWhole, manifests, tags, blobs } = readMarks(marks);
    if (isWhole) {
      await mirror.mirrorWhole();
      return;
    }
    await mirror.mirrorManifests(manifests);
    await mirror.mirrorTags(tags);
    await mirror.removeLayers(blobs);
  }

  /** A repository that was deleted leaves nothing, but for what is another's that has its name now. */
  async #mirrorGone({ name, successor }: MirroredRepository): Promise<void> {
    if (successor === null) {
      await this.#parts.files.removeRepository(name);
      return;
    }
    const repository = await this.#parts.content.findRepository(successor);
    if (repository?.isGone === false) await new RepositoryMirror(this.#parts, repository).mirrorWhole();
  }
}
