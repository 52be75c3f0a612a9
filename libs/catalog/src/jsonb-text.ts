// JSON.stringify escapes nothing else above the control characters: a \ud… is half of a pair
const unstorable = /\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g;

/**
 * A value as JSON that PostgreSQL stores. Its `jsonb` holds neither NUL nor halves of surrogate pairs: they become
 * U+FFFD. The bytes of what was pushed are stored beside it as they came.
 */
export function toJsonbText(value: unknown): string {
  return JSON.stringify(value).replace(unstorable, (escape) => (escape === '\\\\' ? escape : '\\ufffd'));
}
