import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import copyStreams from 'pg-copy-streams';
import { toPgConfig, type ConnectionOptions } from './connection-options.ts';
import { translateDatabaseError } from './database-error.ts';

/** Rows on their way out. The stream has the text format of COPY, and fails with pg's error. */
export interface CopiedRows {
  readonly stream: Readable;
  /** How many rows there were, once the stream has ended. */
  countRows(): number;
}

/**
 * A connection of one's own for whole tables: backup and restore. What it locks and begins is its own, and goes with
 * it. Errors: as {@link Database}.
 */
export class BulkSession {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  /** Connects; never through a pooler. `purpose` is part of the name under which the server shows the connection. */
  static async open(connection: ConnectionOptions, purpose: string): Promise<BulkSession> {
    const client = new pg.Client({ ...toPgConfig(connection), application_name: `entrepot ${purpose}` });
    // what breaks the connection rejects the statement at hand, or the next one
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      throw translateDatabaseError(error);
    }
    return new BulkSession(client);
  }

  /** Runs SQL; without values it may be several statements. */
  async query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    try {
      const result = await this.#client.query<Row>(sql, values === undefined ? undefined : [...values]);
      return result.rows;
    } catch (error) {
      throw translateDatabaseError(error);
    }
  }

  /** The rows of a query. Nothing else may be asked of the session until the stream has ended. */
  copyOut(select: string): CopiedRows {
    const stream = this.#client.query(copyStreams.to(`COPY (${select}) TO STDOUT`));
    return { stream, countRows: () => stream.rowCount };
  }

  /** Writes rows into a table, from the text format of COPY; returns how many. A failure destroys `rows`. */
  async copyIn(target: string, rows: Readable): Promise<number> {
    const stream = this.#client.query(copyStreams.from(`COPY ${target} FROM STDIN`));
    try {
      await pipeline(rows, stream);
    } catch (error) {
      throw translateDatabaseError(error);
    }
    return stream.rowCount;
  }

  /** Ends the connection, and with it what it has not committed. */
  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}
