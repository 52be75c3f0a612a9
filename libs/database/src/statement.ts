/**
 * One SQL statement with a name: PostgreSQL plans it once a connection. Names are unique in the whole product,
 * `<noun>.<verb>`; the type of the row is the author's word for what the SQL returns.
 */
export interface Statement<Row> {
  readonly name: string;
  readonly sql: string;
  /** Only there for the type; never set. */
  readonly row?: Row;
}

/** Declares a {@link Statement}. */
export function statement<Row = Record<string, never>>(name: string, sql: string): Statement<Row> {
  return { name, sql };
}
