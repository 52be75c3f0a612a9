import { AppError } from '@entrepot/errors/app-error';

/** What a value of a list has to be for `q`. Values are text; the list's column says how it is compared. */
export type Match =
  | { readonly kind: 'exact'; readonly value: string }
  /** Contains it, whatever the case. */
  | { readonly kind: 'fuzzy'; readonly value: string }
  /** Both ends belong to it; an absent one is open. */
  | { readonly kind: 'range'; readonly min: string | undefined; readonly max: string | undefined }
  /** One of them. */
  | { readonly kind: 'any'; readonly values: readonly string[] }
  /** All of them: for members that hold several values. */
  | { readonly kind: 'all'; readonly values: readonly string[] };

/** One condition of `q`. Keys are lower case without underscores: `project_id` and `ProjectID` are one. */
export interface Term {
  readonly key: string;
  readonly match: Match;
}

/** One key of `sort`, spelled as in {@link Term}. */
export interface SortKey {
  readonly key: string;
  readonly descending: boolean;
}

/** Which part of a list is asked for, in which order. */
export interface ListQuery {
  readonly terms: readonly Term[];
  readonly sort: readonly SortKey[];
  /** From 1. */
  readonly page: number;
  /** Entries on a page; undefined for all. */
  readonly pageSize: number | undefined;
}

/** The query parameters that {@link parseListQuery} reads. */
export interface RawListQuery {
  readonly q?: string | undefined;
  readonly sort?: string | undefined;
  readonly page?: number | undefined;
  readonly page_size?: number | undefined;
}

/**
 * Reads Harbor's list parameters. `q` is `k=v,k=~fuzzy,k=[min~max],k={a b},k=(a b)`, encoded once or twice;
 * `sort` is `k,-k`. A page or page size below 1 is taken: the first page, all entries. `BAD_REQUEST` for a `q`
 * that breaks the grammar.
 */
export function parseListQuery(raw: RawListQuery): ListQuery {
  const size = raw.page_size ?? 10;
  return {
    terms: parseTerms(raw.q ?? ''),
    sort: parseSort(raw.sort ?? ''),
    page: Math.max(1, raw.page ?? 1),
    pageSize: size < 1 ? undefined : size,
  };
}

/** The spelling of a key that all its spellings share. */
export function listKey(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

function parseTerms(q: string): readonly Term[] {
  const decoded = decodeAgain(q);
  if (decoded.includes('\0')) throw new AppError('BAD_REQUEST', 'q: must be text without null characters');
  return decoded === '' ? [] : decoded.split(',').map(parseTerm);
}

// harbor-cli sends `q` encoded twice; a percent sign that is none of an escape is itself
function decodeAgain(q: string): string {
  if (!q.includes('%')) return q;
  try {
    return decodeURIComponent(q);
  } catch {
    return q;
  }
}

function parseTerm(text: string): Term {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(0, equals)).trim();
  const value = text.slice(equals + 1);
  if (name === '' || value === '') {
    throw new AppError('BAD_REQUEST', `q: ${JSON.stringify(text)} is not of the form key=value`);
  }
  const suffix = name.lastIndexOf('__');
  const operator = suffix < 0 ? undefined : suffixes[name.slice(suffix + 2).toLowerCase()];
  return operator === undefined
    ? { key: listKey(name), match: parseMatch(value) }
    : { key: listKey(name.slice(0, suffix)), match: operator(value) };
}

// the lookups of the ORM that Harbor's keys reach: scripts use them
const suffixes: Readonly<Record<string, ((value: string) => Match) | undefined>> = {
  exact: (value) => ({ kind: 'exact', value }),
  icontains: (value) => ({ kind: 'fuzzy', value }),
  in: (value) => ({ kind: 'any', values: words(value.replace(/^\{(.*)\}$/, '$1')) }),
  gte: (value) => ({ kind: 'range', min: value, max: undefined }),
  lte: (value) => ({ kind: 'range', min: undefined, max: value }),
  gt: (value) => ({ kind: 'range', min: value, max: undefined }),
  lt: (value) => ({ kind: 'range', min: undefined, max: value }),
};

function parseMatch(value: string): Match {
  switch (value[0]) {
    case '~':
      return { kind: 'fuzzy', value: value.slice(1) };
    case '[':
      return parseRange(value);
    case '{':
      return { kind: 'any', values: words(inside(value, '}')) };
    case '(':
      return { kind: 'all', values: words(inside(value, ')')) };
    case '\\':
      return { kind: 'exact', value: value.slice(1) };
    default:
      return { kind: 'exact', value };
  }
}

function parseRange(value: string): Match {
  const ends = inside(value, ']').split('~');
  if (ends.length !== 2)
    throw new AppError('BAD_REQUEST', `q: ${value} is not a range of the form [min~max]`);
  const [min, max] = ends.map((end) => unquote(end.trim()));
  return { kind: 'range', min: min === '' ? undefined : min, max: max === '' ? undefined : max };
}

function inside(value: string, close: string): string {
  if (value.length < 2 || !value.endsWith(close)) {
    throw new AppError('BAD_REQUEST', `q: ${value} lacks its closing ${close}`);
  }
  return value.slice(1, -1);
}

function words(text: string): readonly string[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map(unquote);
}

function unquote(text: string): string {
  return /^(["']).*\1$/.test(text) && text.length > 1 ? text.slice(1, -1) : text;
}

function parseSort(sort: string): readonly SortKey[] {
  return sort
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== '-')
    .map((part) =>
      part.startsWith('-')
        ? { key: listKey(part.slice(1)), descending: true }
        : { key: listKey(part), descending: false },
    );
}
