import type { AddedContent } from '@entrepot/catalog/added-content';
import type { ContentStore } from '@entrepot/content-store/content-store';
import { AppError } from '@entrepot/errors/app-error';
import { forEachOf } from './for-each-of.ts';
import type { MirroredContent, MirroredManifest, MirroredRepository } from './mirrored-content.ts';

/** What storing the bytes of manifests takes. */
export interface ManifestBytesParts {
  readonly store: ContentStore;
  readonly content: MirroredContent;
  readonly added: AddedContent;
}

// of payloads that are in memory at once
const mostBytes = 8 * 1024 * 1024;

/**
 * Makes the bytes of manifests blobs that the manifests use themselves: of collection they need no exception. The rows
 * first, then the bytes, then the links, as a push does it. `BLOB_BUSY` when collection is at one of them.
 */
export async function storeManifestBytes(
  parts: ManifestBytesParts,
  repository: MirroredRepository,
  manifests: readonly MirroredManifest[],
): Promise<void> {
  let some: MirroredManifest[] = [];
  let bytes = 0;
  for (const manifest of manifests) {
    if (manifest.isStored && (await parts.store.stat(manifest.digest)) === manifest.size) continue;
    some.push(manifest);
    bytes += manifest.size;
    if (bytes < mostBytes) continue;
    await storeSome(parts, repository, some);
    [some, bytes] = [[], 0];
  }
  if (some.length > 0) await storeSome(parts, repository, some);
}

async function storeSome(
  { store, content, added }: ManifestBytesParts,
  repository: MirroredRepository,
  manifests: readonly MirroredManifest[],
): Promise<void> {
  const announced = await added.announceAll(manifests);
  const ready = announced.filter(({ state }) => state !== 'deleting');
  if (ready.length < manifests.length) {
    throw new AppError('BLOB_BUSY', 'the bytes of a manifest are being removed at this moment', {
      retryAfter: 5,
    });
  }
  const payloads = await content.listPayloads(manifests.map(({ id }) => id));
  await forEachOf(payloads, async ({ digest, payload }) => {
    if ((await store.stat(digest)) !== payload.length) await store.putWhole(digest, payload);
  });
  const written = new Set(payloads.map(({ digest }) => digest));
  const blobs = ready.filter(({ digest }) => written.has(digest));
  await added.linkAll(repository.projectId, repository.name, blobs);
  await added.holdBytes(repository.name, [...written]);
}
