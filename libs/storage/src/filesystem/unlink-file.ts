import { unlinkSync } from 'node:fs';
import { systemCode } from './filesystem-error.ts';

/** Removes a file; one that is not there is no error. */
export function unlinkFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  }
}
