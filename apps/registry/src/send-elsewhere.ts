import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Digest } from '@entrepot/oci/digest';
import { blobHeaders } from './blob-headers.ts';
import type { Exchange } from './exchange.ts';

type BlobLocation = NonNullable<Awaited<ReturnType<ContentStore['locate']>>>;

/**
 * Answers a GET with where the bytes are: the path that the proxy in front serves (`X-Accel-Redirect`), which makes
 * status, length and ranges of the answer itself, or a URL for the client. The proxy keeps the headers that name the
 * blob (deploy/services/nginx.conf).
 */
export function sendElsewhere(exchange: Exchange, location: BlobLocation, digest: Digest): void {
  if ('file' in location) {
    exchange.sendEmpty(200, [...blobHeaders(digest), 'X-Accel-Redirect', location.file]);
  } else {
    exchange.sendEmpty(307, ['Docker-Content-Digest', digest, 'Location', location.redirect]);
  }
}

/**
 * Whether the request has a condition that this registry does not know and others would act on, without knowing the
 * blob's ETag: its bytes go through this process.
 */
export function hasUnreadCondition(exchange: Exchange): boolean {
  return exchange.header('if-match') !== undefined || exchange.header('if-unmodified-since') !== undefined;
}
