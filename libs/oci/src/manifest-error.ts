import { AppError } from '@entrepot/errors/app-error';

/** The refusal of a manifest: `MANIFEST_INVALID` with a message that names the member and the fix. */
export function manifestInvalid(message: string, cause?: unknown): AppError {
  return new AppError('MANIFEST_INVALID', message, { cause });
}

/** A value of the document as a message may show it: JSON, at most 80 characters. */
export function shown(value: unknown): string {
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, 80) : value) ?? 'nothing';
  return text.length > 90 ? `${text.slice(0, 80)}…` : text;
}
