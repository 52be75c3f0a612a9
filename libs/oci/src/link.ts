const nextPattern = /<([^<>]*)>\s*;\s*rel="?next"?/i;

/**
 * The Link header of a page that has a next one (distribution-spec § Listing Tags, RFC 8288): `pathAndQuery` is
 * relative to the host, its parameters already percent-encoded. Characters that would end the link are escaped.
 */
export function formatNextLink(pathAndQuery: string): string {
  const target = pathAndQuery.toWellFormed().replaceAll(/[^\x21-\x7e]+|[<>"\\]/g, encodeURIComponent);
  return `<${target}>; rel="next"`;
}

/** The target of the `next` link in a Link header, if it has one. */
export function parseNextLink(header: string): string | undefined {
  return nextPattern.exec(header)?.[1];
}
