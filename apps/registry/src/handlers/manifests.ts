import type { FoundManifest } from '@entrepot/catalog/content-lookup';
import { AppError } from '@entrepot/errors/app-error';
import { recordManifest } from '@entrepot/ingest/record-manifest';
import { manifestLimits } from '@entrepot/oci/manifest';
import { negotiate } from '@entrepot/oci/media-type';
import { formatReference, type Reference } from '@entrepot/oci/reference';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { parseTag, type Tag } from '@entrepot/oci/tag';
import type { Exchange, HeaderList } from '../exchange.ts';
import { isCurrent } from '../conditional.ts';
import { readSmallBody } from '../read-body.ts';
import type { RegistryContext } from '../registry-context.ts';
import { repositoryOf } from './repository-of.ts';

/** What a manifest route names. */
export interface ManifestTarget {
  readonly name: RepositoryName;
  readonly reference: Reference;
}

const mostTags = 10;

/** `GET` and `HEAD` of a manifest (distribution-spec, "Pulling manifests"). */
export async function getManifest(
  context: RegistryContext,
  exchange: Exchange,
  target: ManifestTarget,
): Promise<void> {
  const { reference } = target;
  const content = reference.tag === undefined ? { manifest: reference.digest } : { tag: reference.tag };
  const { answer } = await context.authorizer.authorize(exchange, {
    repository: target.name,
    action: 'pull',
    content,
  });
  const repository = repositoryOf(answer, target.name);
  const manifest = readable(answer.manifest, target, exchange);
  const headers: HeaderList = [
    'Content-Type',
    manifest.mediaType,
    'Docker-Content-Digest',
    manifest.digest,
    'ETag',
    `"${manifest.digest}"`,
  ];
  if (isCurrent(exchange, manifest.digest)) return sendNotModified(exchange, headers);
  if (exchange.method === 'HEAD') {
    headers.push('Content-Length', manifest.size);
    exchange.beginBytes(200, headers);
    exchange.res.end();
    return;
  }
  exchange.sendBytes(200, headers, await payloadOf(context, manifest));
  context.pulls.add(repository.id, manifest.id, reference.tag);
}

function sendNotModified(exchange: Exchange, headers: HeaderList): void {
  exchange.beginBytes(304, headers);
  exchange.res.end();
}

function readable(
  manifest: FoundManifest | undefined,
  target: ManifestTarget,
  exchange: Exchange,
): FoundManifest {
  if (manifest === undefined) throw manifestUnknown(target);
  if (manifest.blockedReason !== undefined) throw new AppError('DENIED', manifest.blockedReason);
  if (!negotiate(exchange.req.headers.accept, manifest.mediaType)) {
    throw new AppError(
      'MANIFEST_NOT_FOUND',
      `${formatReference(target.reference)} is of type ${manifest.mediaType}, which the Accept header of the request does not allow; add it`,
    );
  }
  return manifest;
}

async function payloadOf(context: RegistryContext, manifest: FoundManifest): Promise<Buffer> {
  const cached = context.manifestCache.get(manifest.digest);
  (cached === undefined ? context.cacheMisses : context.cacheHits).add();
  if (cached !== undefined) return cached;
  const payload = await context.manifests.findPayload(manifest.id);
  if (payload === undefined)
    throw new AppError('MANIFEST_NOT_FOUND', `manifest ${manifest.digest} was removed at this moment`);
  context.manifestCache.set(manifest.digest, payload);
  return payload;
}

/** `PUT` of a manifest (distribution-spec, "Pushing manifests"), by tag, or by digest with any number of `?tag=`. */
export async function putManifest(
  context: RegistryContext,
  exchange: Exchange,
  target: ManifestTarget,
): Promise<void> {
  const granted = await context.authorizer.authorize(exchange, {
    repository: target.name,
    action: 'push',
    late: 'manifest',
  });
  const tags = tagsOf(exchange, target.reference);
  const bytes = await readSmallBody(exchange, {
    maxBytes: manifestLimits.maxBytes,
    what: 'a manifest',
    idleMs: context.config.bodyIdleMs ?? 60_000,
  });
  const recorded = await recordManifest(context, {
    projectId: granted.projectId,
    repository: target.name,
    bytes,
    contentType: exchange.header('content-type'),
    digest: target.reference.digest,
    tags,
    origin: context.authorizer.originOf(exchange, granted),
  });
  context.manifestCache.set(recorded.digest, bytes);
  context.metrics.manifestsPushed.with({}).add();
  const headers: HeaderList = [
    'Location',
    `/v2/${target.name}/manifests/${recorded.digest}`,
    'Docker-Content-Digest',
    recorded.digest,
  ];
  if (recorded.subject !== undefined) headers.push('OCI-Subject', recorded.subject);
  if (target.reference.tag === undefined) for (const tag of tags) headers.push('OCI-Tag', tag);
  exchange.sendEmpty(201, headers);
}

function tagsOf(exchange: Exchange, reference: Reference): readonly Tag[] {
  if (reference.tag !== undefined) return [reference.tag];
  const names = exchange.query.getAll('tag');
  if (names.length > mostTags) {
    throw new AppError('BAD_REQUEST', `at most ${mostTags} tags can be set by one push, not ${names.length}`);
  }
  return names.map((name) => {
    const tag = parseTag(name);
    if (tag === undefined)
      throw new AppError(
        'TAG_INVALID',
        `'${name.slice(0, 140)}' is not a tag: letters, digits, '.', '_' and '-', at most 128`,
      );
    return tag;
  });
}

/** `DELETE` of a manifest with its tags, or of a tag alone (distribution-spec, "Content Management"). */
export async function deleteManifest(
  context: RegistryContext,
  exchange: Exchange,
  target: ManifestTarget,
): Promise<void> {
  const granted = await context.authorizer.authorize(exchange, { repository: target.name, action: 'delete' });
  const { id } = repositoryOf(granted.answer, target.name);
  const origin = context.authorizer.originOf(exchange, granted);
  if (target.reference.tag !== undefined) await context.manifests.deleteTag(id, target.reference.tag, origin);
  else await context.manifests.delete(id, target.reference.digest, origin);
  exchange.sendEmpty(202);
}

function manifestUnknown({ name, reference }: ManifestTarget): AppError {
  const what = reference.tag !== undefined ? `tag ${reference.tag}` : `manifest ${reference.digest}`;
  return new AppError(
    'MANIFEST_NOT_FOUND',
    `${what} is not in repository ${name}; list its tags to see what is`,
  );
}
