import pg from 'pg';

const int8 = 20;
// ids and sizes are far below 2^53; a bigint in every row would cost more than it could ever save
pg.types.setTypeParser(int8, (text: string) => Number(text));

/** How to reach PostgreSQL: a URL, or the parts of one. `host` may be a directory with a Unix socket. */
export type ConnectionOptions =
  | { readonly url: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly database: string;
      readonly password?: string;
    };

/** The options in the form of `pg`. A peer that is gone without a word is noticed while its connection idles. */
export function toPgConfig(options: ConnectionOptions): pg.ClientConfig {
  const reach = 'url' in options ? { connectionString: options.url } : options;
  return { ...reach, keepAlive: true, keepAliveInitialDelayMillis: 30_000 };
}
