import { AppError, isAppError } from '@entrepot/errors/app-error';

const fixes: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket: create it, or correct its name and endpoint',
  InvalidAccessKeyId: 'the server does not know the access key: correct it',
  XAdminUserNotFound: 'the server does not know the access key: correct it',
  SignatureDoesNotMatch: 'the secret key is not that of the access key: correct it',
  AccessDenied: 'the credentials lack the right: allow it on the bucket and its objects (docs/guides/s3.md)',
  AllAccessDisabled: 'the bucket is closed to everybody: enable it',
  ExpiredToken: 'the credentials have expired: renew them',
  PermanentRedirect: 'the bucket is in another region: correct the region or the endpoint',
  AuthorizationHeaderMalformed: 'the region is not that of the bucket: correct it',
  IllegalLocationConstraintException: 'the region is not that of the bucket: correct it',
  RequestTimeTooSkewed: 'the clocks of this machine and the server differ too much: set them right (NTP)',
  CredentialsProviderError: 'no credentials were found: give keys, or a role to this machine or container',
  NotImplemented: 'the server lacks this operation: use one that is compatible with S3',
  ECONNREFUSED: 'nothing listens at the endpoint: start the server, or correct the endpoint',
  ENOTFOUND: 'the host name of the endpoint is unknown: correct it',
  ECONNRESET: 'the connection was cut: check the server and the network',
  EAI_AGAIN: 'the host name of the endpoint could not be looked up: check the name server',
  ETIMEDOUT: 'the server does not answer: check it and the network',
  TimeoutError: 'the server does not answer: check it and the network',
  QuotaExceeded: 'the quota is used up: raise it or free space',
};
const noRoom: ReadonlySet<string> = new Set([
  'QuotaExceeded',
  'XMinioStorageFull',
  'XMinioAdminBucketQuotaExceeded',
  'InsufficientStorage',
  'StorageFull',
  'ENOSPC',
]);
const insufficientStorage = 507;
const patience = 5;

/** What an answer, or the lack of one, says. `status`: of the answer, 0 without one. */
export interface S3Refusal {
  readonly code: string;
  readonly status: number;
  readonly message: string;
}

/** Reads an error of the SDK. */
export function refusalOf(error: unknown): S3Refusal {
  if (!(error instanceof Error)) return { code: String(error), status: 0, message: '' };
  const status = statusOf(error);
  const system = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const code = status === 0 ? (system ?? error.name) : namedByStatus(error.name, status);
  return { code, status, message: error.message };
}

/** Whether the server answered with that status. */
export function isStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return statuses.includes(refusalOf(error).status);
}

/**
 * Translates what the server or the network said: `STORAGE_FULL` when there is no room, otherwise `STORAGE_FAILED`;
 * the message has the action, the place, the code and the fix. The cause is without the request, whose headers and
 * URL are secrets. An AppError passes as it is.
 */
export function s3Error(error: unknown, action: string, place: string): AppError {
  if (isAppError(error)) return error;
  const { code, status, message } = refusalOf(error);
  const why = fixes[code] ?? (code.startsWith(message) ? undefined : message);
  const text = `cannot ${action} ${place}: ${code}${why === undefined ? '' : `, ${why}`}`;
  const cause = new Error(`${code} ${status} ${message}`);
  const isFull = noRoom.has(code) || status === insufficientStorage;
  if (isFull) return new AppError('STORAGE_FULL', text, { cause });
  const isPassing = status === 0 || status === 429 || status >= 500;
  return new AppError('STORAGE_FAILED', text, { cause, ...(isPassing ? { retryAfter: patience } : {}) });
}

function statusOf(error: Error): number {
  if (!('$metadata' in error)) return 0;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return 0;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : 0;
}

// the answer to a HEAD has no body, which is where the code would be
function namedByStatus(name: string, status: number): string {
  const isNamed = name !== '' && name !== 'Unknown' && name !== 'UnknownError' && name !== 'Error';
  if (isNamed) return name;
  return { 301: 'PermanentRedirect', 403: 'AccessDenied', 404: 'NotFound' }[status] ?? `status ${status}`;
}
