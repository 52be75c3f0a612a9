import { setTimeout as sleep } from 'node:timers/promises';
import { errorDetail, sqlState, violatedConstraint } from '@entrepot/database/database-error';
import { digestFromBytes } from '@entrepot/database/digest-bytes';
import { AppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';

const foreignKey = '23503';

/** Whether a reference lost against a removal: the caller looks again. */
export function isLostReference(error: unknown): boolean {
  return sqlState(error) === foreignKey;
}

/** Whether a blob is being removed at this moment, or has been since it was looked at. */
export function isBeingRemoved(error: unknown): boolean {
  return sqlState(error) === 'EN002';
}

/** Whether the database gave one of two transactions up that waited for each other: it works when tried again. */
export function isDeadlock(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40P01' || state === '40001';
}

/**
 * A moment for the other one of a deadlock: who tries again at once takes the lock that it waits for, before it wakes
 * up, and both are where they were.
 */
export async function afterDeadlock(): Promise<void> {
  await sleep(10 + Math.random() * 40);
}

/** Whether a manifest was not removed since a tag was moved to it in the same moment. */
export function isTagged(error: unknown): boolean {
  return isLostReference(error) && violatedConstraint(error) === 'tag_manifest_live';
}

/**
 * Says in the product's words what the statements of a push refused. Everything else is returned as it is.
 * `MANIFEST_BLOB_UNKNOWN` carries the digests in `detail.blobs` and `detail.children`.
 */
export function translateCatalogError(error: unknown): unknown {
  switch (sqlState(error)) {
    case 'EN001':
      return missingContent(errorDetail(error) ?? '{}', error);
    case 'EN002':
      return new AppError('BLOB_BUSY', 'the blob is being removed at this moment; push it again', {
        cause: error,
        retryAfter: 5,
      });
    case 'EN003':
      return new AppError(
        'PROJECT_NOT_FOUND',
        'the project of this repository has just been removed or created anew',
        {
          cause: error,
        },
      );
    case 'EN004':
      return new AppError('UPLOAD_NOT_FOUND', 'the upload has ended, or another request is writing to it', {
        cause: error,
      });
    case 'EN005':
      return noRoom(errorDetail(error) ?? '{}', error);
    case foreignKey:
      return new AppError(
        'MANIFEST_BLOB_UNKNOWN',
        `content that the manifest names was removed while it was pushed (${violatedConstraint(error) ?? 'reference'}); push it again`,
        { cause: error },
      );
    default:
      return error;
  }
}

const mebibyte = 1024 * 1024;

// in the words of Harbor, which its users search for
function noRoom(detail: string, cause: unknown): AppError {
  const parsed: unknown = JSON.parse(detail);
  const bytes = (member: string): number =>
    Number(parsed !== null && typeof parsed === 'object' ? Reflect.get(parsed, member) : 0);
  const inMib = (member: string): string => `${(bytes(member) / mebibyte).toFixed(1)} MiB`;
  return new AppError(
    'QUOTA_EXCEEDED',
    `adding ${inMib('adding')} of storage resource, which when updated to current usage of ${inMib('used')} ` +
      `will exceed the configured upper limit of ${inMib('limit')}; delete what is not needed, or ask for a larger limit`,
    { cause, detail: { adding: bytes('adding'), used: bytes('used'), limit: bytes('limit') } },
  );
}

function missingContent(detail: string, cause: unknown): AppError {
  const missing = readMissing(detail);
  const named = [
    ...missing.blobs.map((digest) => `blob ${digest}`),
    ...missing.children.map((digest) => `manifest ${digest}`),
  ];
  return new AppError(
    'MANIFEST_BLOB_UNKNOWN',
    `the repository does not hold ${named.slice(0, 5).join(', ')}${named.length > 5 ? ` and ${named.length - 5} more` : ''}; ` +
      'push what is missing first, or mount it from a repository that has it',
    { cause, detail: { ...missing } },
  );
}

function readMissing(detail: string): { blobs: Digest[]; children: Digest[] } {
  const parsed: unknown = JSON.parse(detail);
  const list = (member: string): Digest[] => {
    const value: unknown =
      parsed !== null && typeof parsed === 'object' ? Reflect.get(parsed, member) : undefined;
    return Array.isArray(value) ? value.map((hex) => digestFromBytes(Buffer.from(String(hex), 'hex'))) : [];
  };
  return { blobs: list('blobs'), children: list('children') };
}
