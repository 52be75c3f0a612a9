import { AppError } from '@entrepot/errors/app-error';
import type { ErrorCode } from '@entrepot/errors/error-code';
import type { OciErrorCode } from '@entrepot/oci/error-code';

interface WireError {
  readonly status: number;
  /** The code of the OCI distribution specification, or of distribution where that has none. */
  readonly code: OciErrorCode;
}

const wire = (status: number, code: OciErrorCode): WireError => ({ status, code });

/** How each way of saying no reads on `/v2/` (distribution-spec, "Error Codes"). */
export const registryErrors = {
  BAD_REQUEST: wire(400, 'UNSUPPORTED'),
  UNPROCESSABLE: wire(400, 'UNSUPPORTED'),
  UNSUPPORTED: wire(400, 'UNSUPPORTED'),
  TOO_LARGE: wire(413, 'SIZE_INVALID'),
  NOT_FOUND: wire(404, 'NAME_UNKNOWN'),
  METHOD_NOT_ALLOWED: wire(405, 'UNSUPPORTED'),
  CONFLICT: wire(409, 'DENIED'),
  PRECONDITION: wire(412, 'DENIED'),
  UNAUTHORIZED: wire(401, 'UNAUTHORIZED'),
  FORBIDDEN: wire(401, 'UNAUTHORIZED'),
  TOO_MANY_REQUESTS: wire(429, 'TOOMANYREQUESTS'),
  PROJECT_NOT_FOUND: wire(404, 'NAME_UNKNOWN'),
  PROJECT_EXISTS: wire(409, 'DENIED'),
  PROJECT_NOT_EMPTY: wire(412, 'DENIED'),
  NAME_INVALID: wire(400, 'NAME_INVALID'),
  REPOSITORY_NOT_FOUND: wire(404, 'NAME_UNKNOWN'),
  DIGEST_INVALID: wire(400, 'DIGEST_INVALID'),
  BLOB_NOT_FOUND: wire(404, 'BLOB_UNKNOWN'),
  BLOB_IN_USE: wire(405, 'DENIED'),
  BLOB_BUSY: wire(503, 'UNAVAILABLE'),
  MANIFEST_NOT_FOUND: wire(404, 'MANIFEST_UNKNOWN'),
  MANIFEST_INVALID: wire(400, 'MANIFEST_INVALID'),
  MANIFEST_IN_USE: wire(405, 'DENIED'),
  MANIFEST_BLOB_UNKNOWN: wire(404, 'MANIFEST_BLOB_UNKNOWN'),
  TAG_NOT_FOUND: wire(404, 'MANIFEST_UNKNOWN'),
  TAG_INVALID: wire(400, 'TAG_INVALID'),
  TAG_EXISTS: wire(409, 'DENIED'),
  PAGE_INVALID: wire(400, 'PAGINATION_NUMBER_INVALID'),
  UPLOAD_NOT_FOUND: wire(404, 'BLOB_UPLOAD_UNKNOWN'),
  UPLOAD_INVALID: wire(400, 'BLOB_UPLOAD_INVALID'),
  UPLOAD_BUSY: wire(409, 'BLOB_UPLOAD_INVALID'),
  RANGE_INVALID: wire(416, 'RANGE_INVALID'),
  SIZE_INVALID: wire(400, 'SIZE_INVALID'),
  BODY_ABORTED: wire(400, 'BLOB_UPLOAD_INVALID'),
  DENIED: wire(403, 'DENIED'),
  READ_ONLY: wire(403, 'DENIED'),
  QUOTA_EXCEEDED: wire(403, 'DENIED'),
  STORAGE_FULL: wire(507, 'UNAVAILABLE'),
  STORAGE_FAILED: wire(500, 'UNKNOWN'),
  UNAVAILABLE: wire(503, 'UNAVAILABLE'),
  CONFIG_INVALID: wire(500, 'UNKNOWN'),
  INTERNAL: wire(500, 'UNKNOWN'),
} as const satisfies Record<ErrorCode, WireError>;

/** The wire form of an error, whatever was thrown. */
export interface ErrorAnswer extends WireError {
  readonly message: string;
  readonly detail: Record<string, unknown> | undefined;
  readonly retryAfter: number | undefined;
  /** Whether it is a defect that belongs in the log. */
  readonly unexpected: boolean;
}

// what the storage says names paths of the machine, and helps nobody but those who look after it
const storageMessages: Partial<Record<ErrorCode, (requestId: string) => string>> = {
  STORAGE_FULL: (id) =>
    `no room is left on the storage of this registry: its administrator has to make some (request ${id})`,
  STORAGE_FAILED: (id) =>
    `the storage of this registry failed: push it again, and tell the administrator of request ${id} if that fails too`,
};

/** Finds the wire form of whatever was thrown. */
export function toErrorAnswer(error: unknown, requestId: string): ErrorAnswer {
  if (!(error instanceof AppError)) {
    const message = `something went wrong inside the registry; its log has the details under request ${requestId}`;
    return {
      ...registryErrors.INTERNAL,
      message,
      detail: undefined,
      retryAfter: undefined,
      unexpected: true,
    };
  }
  const { code, message, detail, retryAfter } = error;
  return {
    ...registryErrors[code],
    message: storageMessages[code]?.(requestId) ?? message,
    detail,
    retryAfter,
    unexpected: registryErrors[error.code].status === 500,
  };
}
