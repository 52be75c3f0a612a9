import type { UploadIdentity } from '@entrepot/catalog/uploads';
import { AppError } from '@entrepot/errors/app-error';
import type { UploadBody } from '@entrepot/ingest/upload-body';
import type { UploadTicket } from '@entrepot/ingest/upload-id';
import { parseDigest, type Digest, type DigestAlgorithm } from '@entrepot/oci/digest';
import { formatUploadRange, parseContentRange } from '@entrepot/oci/range';
import { parseRepositoryName, type RepositoryName } from '@entrepot/oci/repository-name';
import type { Granted } from '../authorizer.ts';
import type { Exchange } from '../exchange.ts';
import type { RegistryContext } from '../registry-context.ts';

const emptyDigests = new Set<string>([
  'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  'sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
]);
/** Smaller chunks are taken, but cost a sync each. */
const chunkMinLength = 1;

/** What an upload route names. */
export interface UploadTarget {
  readonly name: RepositoryName;
  readonly id: string;
}

interface Opened {
  readonly granted: Granted;
  readonly upload: UploadIdentity;
  /** The durable bytes; `undefined` while the upload has no row. */
  readonly size: number | undefined;
}

/** `POST` of an upload (distribution-spec, "Pushing blobs"): mounts, takes a whole blob, or opens an upload. */
export async function postUpload(
  context: RegistryContext,
  exchange: Exchange,
  target: { name: RepositoryName },
): Promise<void> {
  const { query } = exchange;
  const mount = query.get('mount');
  const from = query.get('from') ?? undefined;
  const granted = await context.authorizer.authorize(exchange, {
    repository: target.name,
    action: 'push',
    ...(mount !== null && from !== undefined ? { mountFrom: from } : {}),
  });
  if (
    mount !== null &&
    (await mounted(context, granted, target.name, { digest: readDigest(mount, 'mount'), from }))
  ) {
    return sendCreated(context, exchange, target.name, readDigest(mount, 'mount'));
  }
  const digestText = query.get('digest');
  const digest = digestText === null ? undefined : readDigest(digestText, 'digest');
  const algorithm = readAlgorithm(query.get('digest-algorithm'), digest);
  const { id, ticket } = context.uploadIds.issue(target.name, granted.caller.uploadOwner, algorithm);
  // a whole blob in one request; without a body the digest only says what will come
  if (digest !== undefined && (exchange.bodyLength !== 0 || emptyDigests.has(digest))) {
    const upload = identityOf(granted, target.name, ticket);
    await counted(context, exchange, () => context.uploads.finish(upload, bodyOf(exchange), digest, true));
    return sendCreated(context, exchange, target.name, digest);
  }
  sendProgress(exchange, { name: target.name, id }, { status: 202, size: 0, uuid: ticket.uuid });
}

// Whatever repository the client names, or none: only what its account may pull at this moment is looked through. A
// source that is unknown or hidden, and one without the blob, all end in an upload as if nothing had been asked.
async function mounted(
  context: RegistryContext,
  granted: Granted,
  repository: RepositoryName,
  wanted: { digest: Digest; from: string | undefined },
): Promise<boolean> {
  const source = wanted.from === undefined ? undefined : parseRepositoryName(wanted.from);
  if (wanted.from !== undefined && source === undefined) return false;
  const projectIds = await context.callers.listReadableProjects(granted.caller);
  const target = { projectId: granted.projectId, repository };
  return await context.blobs.mount(target, wanted.digest, { repository: source, projectIds });
}

function readDigest(text: string, member: string): Digest {
  const digest = parseDigest(text);
  if (digest !== undefined) return digest;
  throw new AppError(
    'DIGEST_INVALID',
    `${member}=${text.slice(0, 150)} is no digest; send sha256: or sha512: and its lowercase hex`,
  );
}

function readAlgorithm(text: string | null, digest: Digest | undefined): DigestAlgorithm {
  if (text === null) return digest?.startsWith('sha512:') === true ? 'sha512' : 'sha256';
  if (text === 'sha256' || text === 'sha512') return text;
  throw new AppError(
    'DIGEST_INVALID',
    `digest-algorithm=${text.slice(0, 40)} is not supported; use sha256 or sha512`,
  );
}

/** `PATCH`: the next bytes (distribution-spec, "Pushing a blob in chunks"). */
export async function patchUpload(
  context: RegistryContext,
  exchange: Exchange,
  target: UploadTarget,
): Promise<void> {
  const { upload, size: before } = await open(context, exchange, target);
  const isNew = before === undefined;
  const size = await counted(context, exchange, () =>
    context.uploads.append(upload, bodyOf(exchange), isNew),
  );
  sendProgress(exchange, target, { status: 202, size, uuid: upload.id });
}

/** `PUT`: the last bytes, if any, and the digest. */
export async function putUpload(
  context: RegistryContext,
  exchange: Exchange,
  target: UploadTarget,
): Promise<void> {
  const { upload, size } = await open(context, exchange, target);
  const text = exchange.query.get('digest');
  if (text === null)
    throw new AppError(
      'DIGEST_INVALID',
      'the PUT that ends an upload needs ?digest=<digest of all its bytes>',
    );
  const digest = readDigest(text, 'digest');
  const isNew = size === undefined;
  await counted(context, exchange, () => context.uploads.finish(upload, bodyOf(exchange), digest, isNew));
  sendCreated(context, exchange, target.name, digest);
}

/** `GET`: where the upload stands. */
export async function getUpload(
  context: RegistryContext,
  exchange: Exchange,
  target: UploadTarget,
): Promise<void> {
  const { upload, size } = await open(context, exchange, target);
  sendProgress(exchange, target, { status: 204, size: size ?? 0, uuid: upload.id });
}

/** `DELETE`: the upload ends without a blob. */
export async function deleteUpload(
  context: RegistryContext,
  exchange: Exchange,
  target: UploadTarget,
): Promise<void> {
  const { upload } = await open(context, exchange, target);
  await context.uploads.cancel(upload);
  exchange.sendEmpty(204);
}

/** Runs what takes a body, and counts it while it runs. */
async function counted<T>(context: RegistryContext, exchange: Exchange, work: () => Promise<T>): Promise<T> {
  const inProgress = context.metrics.uploadsInProgress.with({});
  const before = exchange.req.socket.bytesRead;
  inProgress.add(1);
  try {
    return await work();
  } finally {
    inProgress.add(-1);
    exchange.received += Math.max(exchange.bodyLength ?? 0, exchange.req.socket.bytesRead - before);
  }
}

async function open(context: RegistryContext, exchange: Exchange, target: UploadTarget): Promise<Opened> {
  // the id is proved before it is looked up, and tells nothing to those who may not push
  const ticket = context.uploadIds.find(target.id, target.name);
  const granted = await context.authorizer.authorize(exchange, {
    repository: target.name,
    action: 'push',
    late: 'upload',
    ...(ticket === undefined ? {} : { upload: { uuid: ticket.uuid, ...ticket.owner } }),
  });
  const upload = identityOf(granted, target.name, ticket);
  const row = granted.answer.upload;
  if (row?.finished === true) {
    throw new AppError('UPLOAD_NOT_FOUND', `upload ${upload.id} has ended or was cancelled; begin a new one`);
  }
  return { granted, upload, size: row?.size };
}

function identityOf(
  granted: Granted,
  repository: RepositoryName,
  ticket: UploadTicket | undefined,
): UploadIdentity {
  if (ticket === undefined) {
    throw new AppError(
      'UPLOAD_NOT_FOUND',
      'no such upload in this repository, or it is older than 24 hours; begin a new one',
    );
  }
  const { uuid, owner, algorithm } = ticket;
  const caller = granted.caller.uploadOwner;
  if (owner.kind !== caller.kind || owner.id !== caller.id) {
    throw new AppError('UPLOAD_NOT_FOUND', 'this upload was begun by another account; begin one of your own');
  }
  return {
    id: uuid,
    repository,
    projectId: granted.projectId,
    principal: `${owner.kind}:${owner.id}`,
    algorithm,
  };
}

function bodyOf(exchange: Exchange): UploadBody {
  const length = exchange.bodyLength;
  if (length !== undefined && !(Number.isSafeInteger(length) && length >= 0)) {
    throw new AppError('SIZE_INVALID', 'the Content-Length is not a number of bytes');
  }
  return { stream: exchange.req, length, start: startOf(exchange, length) };
}

function startOf(exchange: Exchange, length: number | undefined): number | undefined {
  const header = exchange.header('content-range');
  if (header === undefined) return undefined;
  const range = parseContentRange(header);
  if (range === undefined) {
    throw new AppError(
      'UPLOAD_INVALID',
      `Content-Range '${header.slice(0, 60)}' is not <first byte>-<last byte>`,
    );
  }
  if (length !== undefined && length !== range.end - range.start) {
    throw new AppError(
      'SIZE_INVALID',
      `Content-Range names ${range.end - range.start} bytes, Content-Length ${length}`,
    );
  }
  return range.start;
}

function sendProgress(
  exchange: Exchange,
  target: UploadTarget,
  at: { status: number; size: number; uuid: string },
): void {
  exchange.sendEmpty(at.status, [
    'Location',
    `/v2/${target.name}/blobs/uploads/${target.id}`,
    'Range',
    formatUploadRange(at.size),
    'Docker-Upload-UUID',
    at.uuid,
    'OCI-Chunk-Min-Length',
    chunkMinLength,
  ]);
}

function sendCreated(
  context: RegistryContext,
  exchange: Exchange,
  name: RepositoryName,
  digest: Digest,
): void {
  context.metrics.blobsCommitted.with({}).add();
  exchange.sendEmpty(201, ['Location', `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest', digest]);
}
