import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import {
  DataSource,
  type EntityManager,
  type EntityTarget,
  type ObjectLiteral,
  type Repository,
} from 'typeorm';
import { toPgConfig, type ConnectionOptions } from './connection-options.ts';
import { isConnectionLost, sqlState, translateDatabaseError } from './database-error.ts';
import { entities } from './entities/entities.ts';
import type { Statement } from './statement.ts';

interface Running {
  readonly manager: EntityManager;
  readonly client: pg.ClientBase;
  afterCommit: (() => void)[];
  ended: boolean;
}

/** What may be chosen when a {@link Database} is opened. */
export interface DatabaseOptions {
  /** PostgreSQL, or a pooler in front of it (PgBouncer, also in transaction mode) when `direct` is given. */
  readonly connection: ConnectionOptions;
  /**
   * The way past the pooler. Statements are then sent without names, since a pooler gives each transaction another
   * connection, which has not prepared them.
   */
  readonly direct?: ConnectionOptions;
  /** Connections for statements and transactions together; default 20. */
  readonly poolSize?: number;
}

/**
 * The one way to PostgreSQL. Inside `transaction`, everything that is called, however deep, joins it through
 * AsyncLocalStorage: nobody passes a handle, and nobody can pick the wrong one. Errors: `UNAVAILABLE` when the
 * database does not answer; a constraint's refusal reaches the caller as pg's error (database-error.ts reads it).
 */
export class Database {
  readonly #source: DataSource;
  readonly #pool: pg.Pool;
  readonly #running = new AsyncLocalStorage<Running>();
  readonly #prepares: boolean;
  /** For connections of one's own that keep something: lanes, listeners, queues. Never through a pooler. */
  readonly connection: ConnectionOptions;

  private constructor(options: DatabaseOptions, source: DataSource, pool: pg.Pool) {
    this.connection = options.direct ?? options.connection;
    this.#prepares = options.direct === undefined;
    this.#source = source;
    this.#pool = pool;
  }

  /** Opens the pool and proves that the database answers. */
  static async connect(options: DatabaseOptions): Promise<Database> {
    const config = toPgConfig(options.connection);
    const source = new DataSource({
      type: 'postgres',
      driver: pg,
      entities,
      synchronize: false,
      poolSize: options.poolSize ?? 20,
      extra: {
        ...config,
        idleTimeoutMillis: 60_000,
        connectionTimeoutMillis: 10_000,
        application_name: 'entrepot',
      },
    });
    try {
      await source.initialize();
    } catch (error) {
      throw translateDatabaseError(error);
    }
    const pool = poolOf(source);
    // a connection that dies while idle is replaced by the next request; without a listener it would end the process
    pool.on('error', () => undefined);
    return new Database(options, source, pool);
  }

  /**
   * Runs a named statement in the running transaction, or on its own; prepared once a connection, but not through a
   * pooler. Use this for everything that requests do; {@link query} is for statements that are put together at run
   * time.
   */
  async run<Row extends object>(what: Statement<Row>, values: readonly unknown[] = []): Promise<Row[]> {
    const name = this.#prepares ? { name: what.name } : {};
    return await this.#send<Row>({ ...name, text: what.sql, values: [...values] });
  }

  /** Runs SQL that is not prepared: lists with optional filters, searches that need their own plan. */
  async query<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return await this.#send<Row>({ text: sql, values: [...values] });
  }

  /** The repository of an entity, bound to the running transaction when there is one. */
  repository<Entity extends ObjectLiteral>(entity: EntityTarget<Entity>): Repository<Entity> {
    const running = this.#current();
    return running === undefined ? this.#source.getRepository(entity) : running.manager.getRepository(entity);
  }

  /**
   * Runs `work` in one transaction (read committed) and commits when it resolves. Nested calls join. A deadlock
   * or serialisation failure is tried again, twice; so `work` does nothing but SQL.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.#current() !== undefined) return await work();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#transactionOnce(work);
      } catch (error) {
        const state = sqlState(error);
        if (attempt === 3 || (state !== '40P01' && state !== '40001')) throw translateDatabaseError(error);
      }
    }
  }

  /** Calls `work` once the running transaction has committed, or now when there is none. For wake-ups only. */
  afterCommit(work: () => void): void {
    const running = this.#current();
    if (running === undefined) work();
    else running.afterCommit.push(work);
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    if (this.#source.isInitialized) await this.#source.destroy();
  }

  async #transactionOnce<T>(work: () => Promise<T>): Promise<T> {
    const runner = this.#source.createQueryRunner();
    const client = toClient(await runner.connect());
    const running: Running = { manager: runner.manager, client, afterCommit: [], ended: false };
    try {
      await runner.startTransaction();
      const result = await this.#running.run(running, work);
      await runner.commitTransaction();
      running.ended = true;
      for (const next of running.afterCommit) next();
      return result;
    } catch (error) {
      running.ended = true;
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await runner.release();
    }
  }

  async #send<Row extends object>(query: pg.QueryConfig): Promise<Row[]> {
    const running = this.#current();
    try {
      const result =
        running === undefined ? await this.#sendAlone<Row>(query) : await running.client.query<Row>(query);
      return result.rows;
    } catch (error) {
      throw translateDatabaseError(error);
    }
  }

  // pg's pool.query ends the connection, and what is prepared on it, after every refusal, a constraint's included
  async #sendAlone<Row extends object>(query: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    const client = await this.#pool.connect();
    // what breaks the connection rejects the query as well
    const ignore = (): void => undefined;
    client.on('error', ignore);
    let isWhole = false;
    try {
      const result = await client.query<Row>(query);
      isWhole = true;
      return result;
    } catch (error) {
      isWhole = error instanceof pg.DatabaseError && !isConnectionLost(error);
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(!isWhole);
    }
  }

  #current(): Running | undefined {
    const running = this.#running.getStore();
    if (running?.ended === true) {
      throw new Error('a transaction was used after its end: something in it was not awaited');
    }
    return running;
  }
}

function poolOf(source: DataSource): pg.Pool {
  if ('master' in source.driver && source.driver.master instanceof pg.Pool) return source.driver.master;
  throw new Error('the database driver has no pool of pg');
}

// TypeORM types the connection of a query runner as any; with the pg driver it is a client of the pool.
function toClient(connection: unknown): pg.ClientBase {
  if (connection instanceof pg.Client) return connection;
  throw new Error('the connection of a transaction is none of pg');
}
