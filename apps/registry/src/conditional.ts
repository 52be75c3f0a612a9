import type { Exchange } from './exchange.ts';

/** Whether the client's If-None-Match names these bytes (RFC 9110 section 13.1.2): the answer is 304. */
export function isCurrent(exchange: Exchange, digest: string): boolean {
  const header = exchange.req.headers['if-none-match'];
  if (header === undefined) return false;
  return header.split(',').some((entry) => {
    const tag = entry.trim().replace(/^W\//, '');
    return tag === '*' || tag === `"${digest}"` || tag === digest;
  });
}

/** Whether a Range may be served (RFC 9110 section 13.1.5): no If-Range, or one that names these bytes. */
export function mayServeRange(exchange: Exchange, digest: string): boolean {
  const header = exchange.header('if-range');
  return header === undefined || header === `"${digest}"`;
}
