import { AppError, isAppError } from '@entrepot/errors/app-error';
import {
  parseDistributionRoute,
  type DistributionRoute,
  type InvalidRoute,
} from '@entrepot/oci/distribution-route';
import { ChallengeError } from './challenge-error.ts';
import type { Exchange, HeaderList } from './exchange.ts';
import { getBase } from './handlers/base.ts';
import { deleteBlob, getBlob } from './handlers/blobs.ts';
import { getCatalog, getReferrers, getTags } from './handlers/lists.ts';
import { deleteManifest, getManifest, putManifest } from './handlers/manifests.ts';
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from './handlers/uploads.ts';
import type { RegistryContext } from './registry-context.ts';

type Route<Kind extends DistributionRoute['kind']> = Extract<DistributionRoute, { kind: Kind }>;
type Handler<Kind extends DistributionRoute['kind']> = (
  context: RegistryContext,
  exchange: Exchange,
  route: Route<Kind>,
) => Promise<void>;
type Endpoints = {
  readonly [Kind in Exclude<DistributionRoute['kind'], 'invalid' | 'unknown'>]: Readonly<
    Record<string, Handler<Kind>>
  >;
};

/** Every endpoint of `/v2/`: what each path answers to which method (distribution-spec, "Endpoints"). */
export const endpoints: Endpoints = {
  base: { GET: getBase, HEAD: getBase },
  catalog: { GET: getCatalog, HEAD: getCatalog },
  tags: { GET: getTags, HEAD: getTags },
  manifest: { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest },
  blob: { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob },
  uploads: { POST: postUpload },
  upload: { GET: getUpload, HEAD: getUpload, PATCH: patchUpload, PUT: putUpload, DELETE: deleteUpload },
  referrers: { GET: getReferrers, HEAD: getReferrers },
};

const readOnlyMethods = new Set(['GET', 'HEAD']);

/** The outcome of one request, for the log and the metrics. */
export interface Outcome {
  readonly route: DistributionRoute['kind'];
  readonly error: unknown;
  readonly unexpected: boolean;
}

/** Answers one request. Never rejects: whatever goes wrong becomes an answer, or the end of the connection. */
export async function dispatch(context: RegistryContext, exchange: Exchange): Promise<Outcome> {
  const route = parseDistributionRoute(exchange.path);
  try {
    await handle(context, exchange, route);
    return { route: route.kind, error: undefined, unexpected: false };
  } catch (error) {
    if (!isAppError(error, 'BODY_ABORTED')) await exchange.discardSmallBody();
    const { unexpected } = exchange.sendError(error, extraHeaders(route, error));
    return { route: route.kind, error, unexpected };
  }
}

async function handle(context: RegistryContext, exchange: Exchange, route: DistributionRoute): Promise<void> {
  if (route.kind === 'invalid') throw refuseInvalid(route, exchange.method);
  if (route.kind === 'unknown')
    throw new AppError('NOT_FOUND', `${exchange.path.slice(0, 200)} is no path of the distribution API`);
  if (context.config.readOnly && !readOnlyMethods.has(exchange.method)) {
    throw new AppError(
      'READ_ONLY',
      'the registry is in read-only mode: nothing can be pushed or deleted until its administrator ends it',
    );
  }
  const handler = handlerOf(route.kind, exchange.method);
  if (handler === undefined) {
    throw new AppError(
      'METHOD_NOT_ALLOWED',
      `${exchange.method} is not possible here; possible are ${allowed(route)}`,
    );
  }
  // the table gives each kind of route its own handlers, which a union cannot express
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  await handler(context, exchange, route as never);
}

// What can be no tag is a manifest that is not there to those who read: clients take a 400 for a broken registry.
function refuseInvalid({ code, message }: InvalidRoute, method: string): AppError {
  const isAbsentTag = code === 'TAG_INVALID' && readOnlyMethods.has(method);
  return new AppError(isAbsentTag ? 'MANIFEST_NOT_FOUND' : code, message);
}

type AnyHandler = (context: RegistryContext, exchange: Exchange, route: never) => Promise<void>;

function handlerOf(kind: keyof Endpoints, method: string): AnyHandler | undefined {
  const methods: Readonly<Record<string, AnyHandler>> = endpoints[kind];
  return Object.hasOwn(methods, method) ? methods[method] : undefined;
}

function allowed(route: DistributionRoute): string {
  return route.kind === 'invalid' || route.kind === 'unknown'
    ? ''
    : Object.keys(endpoints[route.kind]).join(', ');
}

function extraHeaders(route: DistributionRoute, error: unknown): HeaderList {
  if (error instanceof ChallengeError) return ['WWW-Authenticate', error.challenge];
  if (error instanceof AppError && error.code === 'METHOD_NOT_ALLOWED') return ['Allow', allowed(route)];
  return [];
}
