import { AppError } from '@entrepot/errors/app-error';

const keyGrammar = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;
const longestKey = 1024;
const longestSegment = 255;

/**
 * Whether `key` is one that a driver may take: segments of `[A-Za-z0-9._-]+`, none of them `.` or `..`, joined
 * by `/`; at most 255 characters a segment and 1,024 in all (the limits of file systems and of S3).
 */
export function isStorageKey(key: string): boolean {
  if (key.length > longestKey || !keyGrammar.test(key)) return false;
  return key.length <= longestSegment || key.split('/').every((segment) => segment.length <= longestSegment);
}

/**
 * Refuses a key that could leave the driver's root or that some store can not hold.
 *
 * @throws AppError `STORAGE_FAILED`: keys are made by layouts, never by callers, so a bad one is a defect.
 */
export function assertStorageKey(key: string): void {
  if (isStorageKey(key)) return;
  throw new AppError(
    'STORAGE_FAILED',
    `${JSON.stringify(key)} is not a storage key: segments of [A-Za-z0-9._-] joined by '/', none of them '.' or '..'`,
  );
}

/**
 * Refuses a prefix that no key starts with because a whole segment of it is none.
 *
 * @throws AppError `STORAGE_FAILED`
 */
export function assertKeyPrefix(prefix: string): void {
  const lastSlash = prefix.lastIndexOf('/');
  if (lastSlash !== -1) assertStorageKey(prefix.slice(0, lastSlash));
}
