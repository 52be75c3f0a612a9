import { describe, expect, it } from 'vitest';
import { databaseFailure } from './cluster-directory.ts';

const cutShort = `backend> 2026-11-25 08:45:04.689 UTC [11574] ERROR:  could not extend file "base/13507/2610_vm": wrote only 4096 of 8192 bytes at block 0
2026-11-25 08:45:04.689 UTC [11574] HINT:  Check free disk space.
2026-11-25 08:45:04.690 UTC [11574] PANIC:  cannot abort transaction 1, it was already committed`;

describe('what PostgreSQL said when it failed', () => {
  it.each([
    [
      'in so many words',
      'FATAL:  could not write to file "pg_wal/xlogtemp.1": No space left on device\nAborted',
    ],
    ['by a hint, after a write that was cut short', cutShort],
    ['of a quota', 'FATAL:  could not extend file "base/1/2691": Disk quota exceeded'],
  ])('is told as a full disk when it says so %s', (_, output) => {
    expect(databaseFailure('initdb', output)).toMatchObject({ code: 'STORAGE_FULL' });
  });

  it('is told by its first complaint, which the others follow from', () => {
    const output = `LOG:  starting
2026-11-25 08:44:59.005 UTC [1] FATAL:  the cause
2026-11-25 08:44:59.005 UTC [1] PANIC:  cannot abort transaction 1, it was already committed
child process exited with exit code 134`;
    expect(databaseFailure('initdb', output)).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'initdb failed: the cause',
    });
  });
});
