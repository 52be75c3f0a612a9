/** A repository name within the grammar of distribution-spec; made by {@link parseRepositoryName}. */
export type RepositoryName = string & { readonly __brand: 'RepositoryName' };

/** Longest repository name, in characters (clients limit host and name together to 255). */
export const maxRepositoryNameLength = 255;

type CharacterKind = 0 | 1 | 2 | 3 | 4 | 5;
const alphanumeric: CharacterKind = 1;
const dot: CharacterKind = 2;
const underscore: CharacterKind = 3;
const slash: CharacterKind = 5;

const kinds = new Uint8Array(128);
for (const character of 'abcdefghijklmnopqrstuvwxyz0123456789') kinds[character.charCodeAt(0)] = alphanumeric;
kinds['.'.charCodeAt(0)] = dot;
kinds['_'.charCodeAt(0)] = underscore;
kinds['-'.charCodeAt(0)] = 4;
kinds['/'.charCodeAt(0)] = slash;

/**
 * Reads a repository name (distribution-spec § Pulling manifests):
 * `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`, at most 255 characters.
 */
export function parseRepositoryName(text: string): RepositoryName | undefined {
  return text.length <= maxRepositoryNameLength && isInGrammar(text) ? (text as RepositoryName) : undefined;
}

// Written as a loop because it runs on every request: one pass, no backtracking.
function isInGrammar(text: string): boolean {
  let separator: number = slash;
  let run = 1;
  for (let index = 0; index < text.length; index++) {
    const kind = kinds[text.charCodeAt(index)] ?? 0;
    if (kind === alphanumeric) {
      separator = 0;
      run = 0;
      continue;
    }
    run++;
    if (kind === 0 || (run > 1 && !canRepeat(kind, separator, run))) return false;
    separator = kind;
  }
  return separator === 0;
}

function canRepeat(kind: number, separator: number, run: number): boolean {
  return kind === separator && kind !== dot && kind !== slash && (kind !== underscore || run === 2);
}

/** Every path prefix of a name, longest first: `a/b/c` gives `a/b/c`, `a/b`, `a`. */
export function prefixes(name: RepositoryName): RepositoryName[] {
  const found: RepositoryName[] = [name];
  for (let end = name.lastIndexOf('/'); end > 0; end = name.lastIndexOf('/', end - 1)) {
    found.push(name.slice(0, end) as RepositoryName);
  }
  return found;
}
