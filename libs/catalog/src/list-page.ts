import type { ListQuery, Match, Term } from '@entrepot/api-contract/list-query';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';

/** A member of a list that `q` and `sort` may name. */
export interface ListColumn {
  /** The SQL expression. */
  readonly sql: string;
  readonly type: 'text' | 'number' | 'time' | 'flag';
}

/** Writes the condition of a term that no column can express; undefined leaves the term out. */
export type SpecialTerm = (match: Match, value: (value: unknown) => string) => string | undefined;

/** A list of the REST API: where its rows come from, and what they can be filtered and sorted by. */
export interface ListSource {
  /** The select list. Evaluated for the rows of the page alone. */
  readonly select: string;
  readonly from: string;
  /** Conditions that always hold; `$1` and so on are {@link ListSource.values}. */
  readonly where: readonly string[];
  readonly values: readonly unknown[];
  /** By key, in the spelling of `listKey`. */
  readonly columns: Readonly<Record<string, ListColumn>>;
  readonly special?: Readonly<Record<string, SpecialTerm>>;
  /** The order unless `sort` says otherwise; it must end in something unique. */
  readonly order: string;
}

/** Rows of a page, and how many there are in all. */
export interface ListPage<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
}

/**
 * Reads one page of a list: one statement, and a second that counts where the page does not tell. Keys that the
 * list does not know are ignored, as in Harbor. `BAD_REQUEST` for a value that its member cannot have.
 */
export async function readListPage<Row extends object>(
  database: Database,
  source: ListSource,
  list: ListQuery,
): Promise<ListPage<Row>> {
  const values = [...source.values];
  const value = (each: unknown): string => `$${values.push(each)}`;
  const conditions = [...source.where, ...list.terms.flatMap((term) => condition(source, term, value))];
  const body = `FROM ${source.from}${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`}`;
  const counted = [...values];
  const offset = list.pageSize === undefined ? 0 : (list.page - 1) * list.pageSize;
  const limit = list.pageSize === undefined ? '' : ` LIMIT ${value(list.pageSize)} OFFSET ${value(offset)}`;
  const rows = await database.query<Row>(
    `SELECT ${source.select} ${body} ORDER BY ${orderOf(source, list)}${limit}`,
    values,
  );
  const isLast =
    list.pageSize === undefined || (rows.length < list.pageSize && (rows.length > 0 || offset === 0));
  if (isLast) return { rows, total: offset + rows.length };
  const [count] = await database.query<{ total: number }>(`SELECT count(*) AS total ${body}`, counted);
  return { rows, total: count?.total ?? 0 };
}

function condition(source: ListSource, term: Term, value: (each: unknown) => string): string[] {
  const special = source.special?.[term.key];
  const column = source.columns[term.key];
  if (special !== undefined) return [special(term.match, value) ?? []].flat();
  return column === undefined ? [] : [matchColumn(column, term, value)];
}

function matchColumn(column: ListColumn, { key, match }: Term, value: (each: unknown) => string): string {
  const parameter = (text: string): string => value(convert(column, key, text));
  switch (match.kind) {
    case 'exact':
      return `${column.sql} = ${parameter(match.value)}`;
    case 'fuzzy':
      return `${column.sql}::text ILIKE ${value(`%${escapeLike(match.value)}%`)}`;
    case 'any':
    case 'all': {
      const list = match.values.map(parameter);
      const joined = list
        .map((each) => `${column.sql} = ${each}`)
        .join(match.kind === 'any' ? ' OR ' : ' AND ');
      return list.length === 0 ? 'false' : `(${joined})`;
    }
    case 'range':
      return matchRange(column.sql, match, parameter);
  }
}

function matchRange(
  sql: string,
  { min, max }: { min?: string | undefined; max?: string | undefined },
  parameter: (text: string) => string,
): string {
  const ends = [
    ...(min === undefined ? [] : [`${sql} >= ${parameter(min)}`]),
    ...(max === undefined ? [] : [`${sql} <= ${parameter(max)}`]),
  ];
  return ends.length === 0 ? 'true' : ends.join(' AND ');
}

function convert(column: ListColumn, key: string, text: string): unknown {
  switch (column.type) {
    case 'text':
      return text;
    case 'number':
      if (!/^[+-]?\d{1,15}$/.test(text))
        throw new AppError('BAD_REQUEST', `q: ${key} must be a whole number`);
      return Number(text);
    case 'flag':
      return text === 'true' || text === '1';
    case 'time': {
      // without a zone a time is of UTC, as in Harbor
      const time = new Date(/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text.replace(' ', 'T')}Z`);
      if (Number.isNaN(time.getTime()))
        throw new AppError('BAD_REQUEST', `q: ${key} must be a time like 2026-01-02T15:04:05`);
      return time;
    }
  }
}

/** A text in which nothing is a wildcard to LIKE. */
export function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, String.raw`\$&`);
}

function orderOf(source: ListSource, list: ListQuery): string {
  const keys = list.sort.flatMap(({ key, descending }) => {
    const column = source.columns[key];
    return column === undefined ? [] : [`${column.sql}${descending ? ' DESC' : ''}`];
  });
  return [...keys, source.order].join(', ');
}
