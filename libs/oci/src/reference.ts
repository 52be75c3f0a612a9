import { parseDigest, type Digest } from './digest.ts';
import { parseTag, type Tag } from './tag.ts';

/** What names a manifest within its repository: a digest or a tag, never both. */
export type Reference =
  | { readonly digest: Digest; readonly tag?: undefined }
  | { readonly tag: Tag; readonly digest?: undefined };

/** Reads the `<reference>` of a manifest path (distribution-spec § Pulling manifests). A tag holds no colon. */
export function parseReference(text: string): Reference | undefined {
  if (text.includes(':')) {
    const digest = parseDigest(text);
    return digest && { digest };
  }
  const tag = parseTag(text);
  return tag && { tag };
}

/** The reference as it stands in a path. */
export function formatReference(reference: Reference): string {
  return reference.digest ?? reference.tag;
}
