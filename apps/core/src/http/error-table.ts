import type { ErrorCode } from '@entrepot/errors/error-code';

/** How an error leaves the REST API: its status, and the code that Harbor's clients know. */
export interface WireError {
  readonly status: number;
  readonly code: string;
}

const badRequest = { status: 400, code: 'BAD_REQUEST' };
const notFound = { status: 404, code: 'NOT_FOUND' };
const conflict = { status: 409, code: 'CONFLICT' };
const precondition = { status: 412, code: 'PRECONDITION' };
const denied = { status: 403, code: 'DENIED' };
const unavailable = { status: 503, code: 'SERVICE_UNAVAILABLE' };
const internal = { status: 500, code: 'UNKNOWN' };

/** The wire form of every code. */
export const wireErrors = {
  BAD_REQUEST: badRequest,
  UNPROCESSABLE: { status: 422, code: 'UNPROCESSABLE_ENTITY' },
  UNSUPPORTED: { status: 400, code: 'UNSUPPORTED' },
  TOO_LARGE: { status: 413, code: 'REQUEST_ENTITY_TOO_LARGE' },
  NOT_FOUND: notFound,
  METHOD_NOT_ALLOWED: { status: 405, code: 'METHOD_NOT_ALLOWED' },
  CONFLICT: conflict,
  PRECONDITION: precondition,
  UNAUTHORIZED: { status: 401, code: 'UNAUTHORIZED' },
  FORBIDDEN: { status: 403, code: 'FORBIDDEN' },
  TOO_MANY_REQUESTS: { status: 429, code: 'TOO_MANY_REQUEST' },
  PROJECT_NOT_FOUND: notFound,
  PROJECT_EXISTS: conflict,
  PROJECT_NOT_EMPTY: precondition,
  NAME_INVALID: badRequest,
  REPOSITORY_NOT_FOUND: notFound,
  DIGEST_INVALID: { status: 400, code: 'DIGEST_INVALID' },
  BLOB_NOT_FOUND: notFound,
  BLOB_IN_USE: precondition,
  BLOB_BUSY: unavailable,
  MANIFEST_NOT_FOUND: notFound,
  MANIFEST_INVALID: { status: 400, code: 'MANIFEST_INVALID' },
  MANIFEST_IN_USE: precondition,
  MANIFEST_BLOB_UNKNOWN: badRequest,
  TAG_NOT_FOUND: notFound,
  TAG_INVALID: badRequest,
  TAG_EXISTS: conflict,
  PAGE_INVALID: { status: 422, code: 'UNPROCESSABLE_ENTITY' },
  UPLOAD_NOT_FOUND: notFound,
  UPLOAD_INVALID: badRequest,
  UPLOAD_BUSY: conflict,
  RANGE_INVALID: badRequest,
  SIZE_INVALID: badRequest,
  BODY_ABORTED: badRequest,
  DENIED: denied,
  READ_ONLY: denied,
  QUOTA_EXCEEDED: denied,
  STORAGE_FULL: { status: 507, code: 'INSUFFICIENT_STORAGE' },
  STORAGE_FAILED: internal,
  UNAVAILABLE: unavailable,
  CONFIG_INVALID: internal,
  INTERNAL: internal,
} satisfies Record<ErrorCode, WireError>;
