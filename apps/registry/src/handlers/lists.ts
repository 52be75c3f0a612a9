import type { Digest } from '@entrepot/oci/digest';
import { formatNextLink } from '@entrepot/oci/link';
import { mediaTypes } from '@entrepot/oci/media-type';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { readPageSize, type Exchange, type HeaderList } from '../exchange.ts';
import type { RegistryContext } from '../registry-context.ts';
import { repositoryOf } from './repository-of.ts';

const largestPage = 10_000;
const catalogPage = 100;
const referrersPage = 200;

/** `GET` of the tags (distribution-spec, "Listing Tags"), in byte order. */
export async function getTags(
  context: RegistryContext,
  exchange: Exchange,
  target: { name: RepositoryName },
): Promise<void> {
  const { answer } = await context.authorizer.authorize(exchange, {
    repository: target.name,
    action: 'pull',
  });
  const { id } = repositoryOf(answer, target.name);
  const limit = readPageSize(exchange, largestPage) ?? largestPage;
  const page = await context.pages.listTags(id, exchange.query.get('last') ?? '', limit);
  const next = page.more && limit > 0 ? page.names.at(-1) : undefined;
  exchange.sendJson(200, { name: target.name, tags: page.names }, linkTo(exchange, next, limit));
}

/** `GET /v2/_catalog`: the repositories that the caller may list, in byte order. */
export async function getCatalog(context: RegistryContext, exchange: Exchange): Promise<void> {
  const projectIds = await context.authorizer.listCatalogProjects(exchange);
  const limit = readPageSize(exchange, largestPage) ?? catalogPage;
  const page = await context.pages.listRepositories(exchange.query.get('last') ?? '', limit, projectIds);
  const next = page.more && limit > 0 ? page.names.at(-1) : undefined;
  exchange.sendJson(200, { repositories: page.names }, linkTo(exchange, next, limit));
}

function linkTo(exchange: Exchange, last: string | undefined, limit: number): HeaderList {
  if (last === undefined) return [];
  return ['Link', formatNextLink(`${exchange.path}?n=${limit}&last=${encodeURIComponent(last)}`)];
}

/** `GET` of the referrers (distribution-spec, "Listing Referrers"), oldest first. */
export async function getReferrers(
  context: RegistryContext,
  exchange: Exchange,
  target: { name: RepositoryName; digest: Digest },
): Promise<void> {
  const { answer } = await context.authorizer.authorize(exchange, {
    repository: target.name,
    action: 'pull',
  });
  const artifactType = exchange.query.get('artifactType') ?? undefined;
  const afterText = exchange.query.get('after') ?? '0';
  const after = /^\d{1,15}$/.test(afterText) ? Number(afterText) : 0;
  const limit = Math.max(1, readPageSize(exchange, referrersPage) ?? referrersPage);
  const page =
    answer.repository === undefined
      ? { referrers: [], more: false }
      : await context.pages.listReferrers(answer.repository.id, target.digest, {
          artifactType,
          after,
          limit,
        });
  const headers: HeaderList = ['Content-Type', mediaTypes.ociIndex];
  if (artifactType !== undefined) headers.push('OCI-Filters-Applied', 'artifactType');
  const last = page.more ? page.referrers.at(-1) : undefined;
  if (last !== undefined) {
    const filter = artifactType === undefined ? '' : `&artifactType=${encodeURIComponent(artifactType)}`;
    headers.push('Link', formatNextLink(`${exchange.path}?n=${limit}&after=${last.id}${filter}`));
  }
  const manifests = page.referrers.map(({ id: _, ...descriptor }) => descriptor);
  const body = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  exchange.sendBytes(200, headers, Buffer.from(JSON.stringify(body)));
}
