/** A tag within the grammar of distribution-spec; made by {@link parseTag}. */
export type Tag = string & { readonly __brand: 'Tag' };

const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Reads a tag (distribution-spec § Pulling manifests): `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`. */
export function parseTag(text: string): Tag | undefined {
  return tagPattern.test(text) ? (text as Tag) : undefined;
}
