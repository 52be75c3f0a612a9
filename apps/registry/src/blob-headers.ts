import type { Digest } from '@entrepot/oci/digest';
import type { HeaderList } from './exchange.ts';

/** What every answer with a blob's bytes says of it: bytes by digest never change, so they may be kept for ever. */
export function blobHeaders(digest: Digest): HeaderList {
  return [
    'Content-Type',
    'application/octet-stream',
    'Docker-Content-Digest',
    digest,
    'ETag',
    `"${digest}"`,
    'Cache-Control',
    'max-age=31536000, immutable',
  ];
}
