/**
 * The error codes of the distribution API: those of distribution-spec § Error Codes, then those that clients know
 * from the docker registry.
 */
export const ociErrorCodes = [
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
  'TAG_INVALID',
  'RANGE_INVALID',
  'PAGINATION_NUMBER_INVALID',
  'UNAVAILABLE',
  'UNKNOWN',
] as const;

/** One of the codes that an error body of the distribution API carries. */
export type OciErrorCode = (typeof ociErrorCodes)[number];

/** The JSON body of a refusal (distribution-spec § Error Codes). */
export interface OciErrorBody {
  readonly errors: readonly {
    readonly code: OciErrorCode;
    readonly message: string;
    readonly detail?: unknown;
  }[];
}

/** The body of one error. `detail` is for machines and holds no secrets. */
export function ociError(code: OciErrorCode, message: string, detail?: unknown): OciErrorBody {
  return { errors: [detail === undefined ? { code, message } : { code, message, detail }] };
}
