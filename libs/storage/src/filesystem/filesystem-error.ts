import { AppError, isAppError } from '@entrepot/errors/app-error';

const fixes: Record<string, string> = {
  ENOSPC: 'the file system is full: free space or enlarge it',
  EDQUOT: 'the quota of the file system is used up: raise it or free space',
  EMFILE: 'this process has too many files open: raise its limit (ulimit -n, LimitNOFILE)',
  ENFILE: 'the machine has too many files open: raise fs.file-max',
  EACCES: 'the user of this process lacks the right: give it the directory (chown) with mode 0700',
  EPERM: 'the file system refuses the operation to this user: check its owner, mode and mount options',
  EROFS: 'the file system is mounted read-only: mount it read-write',
  EIO: 'the disk reports an error: check the kernel log and the health of the disk',
  ESTALE: 'the network file system lost the file: check the server and mount it again',
  EEXIST: 'something that is not a directory is in its place: remove it or choose another directory',
  ENOTDIR: 'a part of the path is not a directory: remove that file or choose another directory',
};
const noRoom: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
const exhausted: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE']);

/** The system error code (`ENOENT`, …) of `error`, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Translates what the system said: `STORAGE_FULL` when there is no room, otherwise `STORAGE_FAILED`; the message
 * has the action, the path, the system's code and the fix. An AppError passes as it is.
 */
export function filesystemError(error: unknown, action: string, path: string): AppError {
  if (isAppError(error)) return error;
  const code = systemCode(error) ?? String(error);
  const fix = fixes[code];
  const message = `cannot ${action} ${path}: ${code}${fix === undefined ? '' : `, ${fix}`}`;
  if (noRoom.has(code)) return new AppError('STORAGE_FULL', message, { cause: error });
  return new AppError('STORAGE_FAILED', message, {
    cause: error,
    ...(exhausted.has(code) ? { retryAfter: 1 } : {}),
  });
}
