/**
 * Every way in which the product says no, by noun. Closed: an edge that does not map a code does not compile.
 * The value of each entry is its line in docs/reference/errors.md.
 */
export const errorCodes = {
  // what was asked
  BAD_REQUEST: 'The request is malformed: the message names the member and what is expected.',
  UNPROCESSABLE: 'The body or a parameter has the wrong JSON type or shape.',
  UNSUPPORTED: 'The operation is not supported on this thing.',
  TOO_LARGE: 'The body is larger than the limit that the message names.',
  NOT_FOUND: 'No such thing, or none that the caller may see.',
  METHOD_NOT_ALLOWED: 'The path exists, the method does not.',
  CONFLICT: 'Another thing of that name exists.',
  PRECONDITION: 'The state of the thing forbids the change.',
  // who asks
  UNAUTHORIZED: 'No credentials, or credentials that do not hold.',
  FORBIDDEN: 'The caller is known and has no right to this.',
  TOO_MANY_REQUESTS: 'Too many attempts: wait for the time in Retry-After.',
  // projects and repositories
  PROJECT_NOT_FOUND: 'The project does not exist, or the caller may not see it.',
  PROJECT_EXISTS: 'A project of that name exists.',
  PROJECT_NOT_EMPTY: 'The project still holds repositories.',
  NAME_INVALID: 'A repository or project name breaks the grammar.',
  REPOSITORY_NOT_FOUND: 'The repository does not exist, or the caller may not see it.',
  // content
  DIGEST_INVALID: 'The digest is malformed, of an unknown algorithm, or not that of the bytes.',
  BLOB_NOT_FOUND: 'The blob is not in this repository.',
  BLOB_IN_USE: 'A manifest of the repository uses the blob.',
  BLOB_BUSY: 'The blob is being removed: try again shortly.',
  MANIFEST_NOT_FOUND: 'The manifest or tag is not in this repository.',
  MANIFEST_INVALID: 'The manifest breaks its format or a limit.',
  MANIFEST_IN_USE: 'An index of the repository uses the manifest.',
  MANIFEST_BLOB_UNKNOWN: 'The manifest names content that the repository does not hold.',
  TAG_NOT_FOUND: 'The tag is not in this repository.',
  TAG_INVALID: 'The tag breaks the grammar.',
  TAG_EXISTS: 'The tag exists.',
  PAGE_INVALID: 'The number of entries asked for is not a number between 0 and the limit.',
  // uploads
  UPLOAD_NOT_FOUND: 'The upload does not exist, has ended, or is not of this repository.',
  UPLOAD_INVALID: 'The upload cannot go on this way.',
  UPLOAD_BUSY: 'Another request is writing to this upload.',
  RANGE_INVALID: 'The chunk does not start where the upload stands.',
  SIZE_INVALID: 'The body is not as long as its headers say.',
  BODY_ABORTED: 'The client went away, or sent too slowly, before its body was complete.',
  // policy
  DENIED: 'A policy refuses it.',
  READ_ONLY: 'The registry is in read-only mode.',
  QUOTA_EXCEEDED: 'The project has no room for it.',
  // the machine
  STORAGE_FULL: 'No room is left on the storage.',
  STORAGE_FAILED: 'The storage did not do what it was asked.',
  UNAVAILABLE: 'Something the request needs does not answer: try again.',
  CONFIG_INVALID: 'The configuration is wrong: the message lists every problem with its fix.',
  INTERNAL: 'A defect: the log has the details under the request id.',
} as const;

/** One of the closed set of codes that an AppError carries. */
export type ErrorCode = keyof typeof errorCodes;
