/** A name and a secret. */
export interface BasicCredentials {
  readonly username: string;
  readonly password: string;
}

/**
 * Reads `Authorization: Basic` (RFC 7617); undefined for another scheme, for what is not `name:secret` in base64, and
 * for texts with NUL.
 */
export function parseBasicCredentials(header: string): BasicCredentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  // no account has such a name, and the database would not take the question
  return colon < 0 || text.includes('\0')
    ? undefined
    : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
