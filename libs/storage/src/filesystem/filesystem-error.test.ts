import { readFileSync } from 'node:fs';
import { AppError } from '@entrepot/errors/app-error';
import { describe, expect, it } from 'vitest';
import { filesystemError, systemCode } from './filesystem-error.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the system says it`), { code });
}

describe('filesystem error', () => {
  it.each(['ENOSPC', 'EDQUOT'])('says STORAGE_FULL for %s, with the fix', (code) => {
    const error = filesystemError(systemError(code), 'write', '/data/x');
    expect(error.code).toBe('STORAGE_FULL');
    expect(error.message).toMatch(new RegExp(`^cannot write /data/x: ${code}, .*free`));
  });

  it.each(['EMFILE', 'ENFILE'])('says that %s passes, and which limit to raise', (code) => {
    const error = filesystemError(systemError(code), 'open', '/data/x');
    expect(error).toMatchObject({ code: 'STORAGE_FAILED', retryAfter: 1 });
    expect(error.message).toContain('raise');
  });

  it.each(['EACCES', 'EROFS', 'EIO', 'EUNKNOWN'])(
    'says STORAGE_FAILED for %s and keeps the cause',
    (code) => {
      const cause = systemError(code);
      const error = filesystemError(cause, 'read', '/data/x');
      expect(error).toMatchObject({ code: 'STORAGE_FAILED', cause });
      expect(error.message).toContain(code);
    },
  );

  it('lets an AppError pass', () => {
    const error = new AppError('STORAGE_FULL', 'said already');
    expect(filesystemError(error, 'write', '/data/x')).toBe(error);
  });

  it('knows the code of a real failure, and none of anything else', () => {
    let failure: unknown;
    try {
      readFileSync('/nonexistent/file');
    } catch (error) {
      failure = error;
    }
    expect(systemCode(failure)).toBe('ENOENT');
    expect(systemCode(new Error('no code'))).toBeUndefined();
    expect(systemCode('ENOENT')).toBeUndefined();
  });
});
