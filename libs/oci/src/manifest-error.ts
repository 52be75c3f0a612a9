import { AppError } from '@entrepot/errors/app-error';

/** The refusal of a manifest: `MANIFEST_INVALID` with a message that names the member and the fix. */
export function manifestInvalid(message: string, cause?: unknown): AppError {
  return new AppError('MANIFEST_INVALID', message, { cause });
}

/** A value of the document as a message may show it: strings quoted and cut at 80 characters, no contents of objects. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (value === undefined) return 'missing';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return JSON.stringify(value);
}
