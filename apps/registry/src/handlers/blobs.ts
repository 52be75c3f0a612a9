import { readIdentity } from '@entrepot/content-store/identity';
import { AppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';
import { formatContentRange, parseRange, type ByteRange } from '@entrepot/oci/range';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { blobHeaders } from '../blob-headers.ts';
import type { Granted } from '../authorizer.ts';
import { isCurrent, mayServeRange } from '../conditional.ts';
import type { Exchange, HeaderList } from '../exchange.ts';
import { limitReader } from '../limit-reader.ts';
import { hasUnreadCondition, sendElsewhere } from '../send-elsewhere.ts';
import type { RegistryContext } from '../registry-context.ts';
import { repositoryOf } from './repository-of.ts';

/** What a blob route names. */
export interface BlobTarget {
  readonly name: RepositoryName;
  readonly digest: Digest;
}

/** `GET` and `HEAD` of a blob (distribution-spec, "Pulling blobs"), whole or in part. */
export async function getBlob(
  context: RegistryContext,
  exchange: Exchange,
  target: BlobTarget,
): Promise<void> {
  const { name, digest } = target;
  const granted = await context.authorizer.authorize(exchange, {
    repository: name,
    action: 'pull',
    content: { blob: digest },
  });
  const size = await foundSize(context, exchange, target, granted);
  const headers: HeaderList = [...blobHeaders(digest), 'Accept-Ranges', 'bytes'];
  if (isCurrent(exchange, digest)) {
    exchange.beginBytes(304, headers);
    exchange.res.end();
    return;
  }
  const range = requestedRange(exchange, digest, size);
  if (range === 'unsatisfiable') return refuseRange(exchange, size);
  const length = range === undefined ? size : range.end - range.start;
  headers.push('Content-Length', length);
  if (range !== undefined) headers.push('Content-Range', formatContentRange(range, size));
  const status = range === undefined ? 200 : 206;
  if (exchange.method === 'HEAD') {
    if ((await context.store.stat(digest)) !== size) throw await damaged(context, target);
    exchange.beginBytes(status, headers);
    exchange.res.end();
    return;
  }
  if (await isSentElsewhere(context, exchange, { target, size })) return;
  await sendBlob(context, exchange, { target, status, headers, range, length });
}

/**
 * Whether a pusher asks if the blob is here, to leave it out of a push whose manifest may come much later. Pulls write
 * nothing, with whatever token.
 */
function isPushersQuestion(
  { config }: RegistryContext,
  { method }: Exchange,
  name: RepositoryName,
  { caller }: Granted,
): boolean {
  return (
    method === 'HEAD' &&
    !config.readOnly &&
    caller.token.repositories.get(name)?.actions.includes('push') === true
  );
}

/** The size of a blob that is here, and that stays when a pusher asks. */
async function foundSize(
  context: RegistryContext,
  exchange: Exchange,
  target: BlobTarget,
  granted: Granted,
): Promise<number> {
  const { id } = repositoryOf(granted.answer, target.name);
  const size = granted.answer.blobSize;
  if (size === undefined) throw blobUnknown(target);
  const mustStay = isPushersQuestion(context, exchange, target.name, granted);
  if (mustStay && !(await context.blobs.keepLink(id, target.digest))) throw blobUnknown(target);
  return size;
}

/** Lets somebody else send the bytes, when the storage says who can. */
async function isSentElsewhere(
  context: RegistryContext,
  exchange: Exchange,
  { target, size }: { readonly target: BlobTarget; readonly size: number },
): Promise<boolean> {
  const location = await context.store.locate(target.digest);
  if (location === undefined || hasUnreadCondition(exchange)) return false;
  if ('file' in location && (await context.store.stat(target.digest)) !== size)
    throw await damaged(context, target);
  sendElsewhere(exchange, location, target.digest);
  return true;
}

function requestedRange(
  exchange: Exchange,
  digest: Digest,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const header = exchange.req.headers.range;
  // only GET has ranges (RFC 9110 section 14.2)
  if (header === undefined || exchange.method !== 'GET' || !mayServeRange(exchange, digest)) return undefined;
  return parseRange(header, size);
}

function refuseRange(exchange: Exchange, size: number): void {
  const error = new AppError('RANGE_INVALID', `the blob has ${size} bytes; ask for a range within them`);
  exchange.sendError(error, ['Content-Range', formatContentRange(undefined, size)]);
}

interface Sending {
  readonly target: BlobTarget;
  readonly status: number;
  readonly headers: HeaderList;
  readonly range: ByteRange | undefined;
  readonly length: number;
}

async function sendBlob(context: RegistryContext, exchange: Exchange, what: Sending): Promise<void> {
  const { res } = exchange;
  let sent = 0;
  const found = await context.store.read(what.target.digest, what.range, (chunk) => {
    // headers go out with the first bytes, so that bytes found missing can still be answered with 404
    if (sent === 0) exchange.beginBytes(what.status, what.headers);
    sent += chunk.length;
    exchange.sent += chunk.length;
    const written = write(exchange, chunk, sent === what.length);
    limitReader(res, context.config.bodyIdleMs);
    return written;
  });
  if (sent < what.length || !found) {
    const error = await damaged(context, what.target);
    if (sent === 0) throw error;
    context.log.error(
      { digest: what.target.digest, sent, length: what.length },
      'blob bytes missing on the storage',
    );
    res.destroy();
    return;
  }
  if (sent === 0) exchange.beginBytes(what.status, what.headers);
  if (!res.writableEnded) res.end();
}

function write(exchange: Exchange, chunk: Buffer, last: boolean): Promise<void> {
  const { res } = exchange;
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => {
      if (error) reject(new AppError('BODY_ABORTED', 'the client went away', { cause: error }));
      else resolve();
    };
    if (res.destroyed) done(new Error('the connection is closed'));
    else if (last) res.end(chunk, done);
    else res.write(chunk, done);
  });
}

/** The row says that the blob is here and the storage says no: it heals with the next push. */
async function damaged(context: RegistryContext, target: BlobTarget): Promise<AppError> {
  // a volume that is not mounted at this moment has none of its blobs, and will have all of them again
  if ((await readIdentity(context.store)) === undefined) {
    context.log.error({ digest: target.digest }, 'the storage is not there, or not the one that was meant');
    return new AppError('UNAVAILABLE', 'the storage of this registry is away; try again shortly', {
      retryAfter: 10,
    });
  }
  await context.blobs.markDamaged(target.digest);
  context.log.error({ digest: target.digest }, 'blob marked as damaged');
  return blobUnknown(target);
}

function blobUnknown({ name, digest }: BlobTarget): AppError {
  return new AppError(
    'BLOB_NOT_FOUND',
    `blob ${digest} is not in repository ${name}; push it, or mount it from a repository that has it`,
  );
}

/** `DELETE` of a blob (distribution-spec, "Deleting Blobs"): out of this repository only. */
export async function deleteBlob(
  context: RegistryContext,
  exchange: Exchange,
  target: BlobTarget,
): Promise<void> {
  const { answer } = await context.authorizer.authorize(exchange, {
    repository: target.name,
    action: 'delete',
  });
  const { id } = repositoryOf(answer, target.name);
  await context.blobs.unlink(id, target.digest);
  exchange.sendEmpty(202);
}
