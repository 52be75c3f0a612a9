import pg from 'pg';
import { toPgConfig, type ConnectionOptions } from './connection-options.ts';

const retryMilliseconds = 2_000;

/**
 * Listens on a channel of PostgreSQL with a connection of its own, which is made anew when it breaks. A
 * notification may be lost while it is: whoever listens looks for himself now and then as well. The connection
 * must be a direct one, not through a pooler in transaction mode.
 */
export class NotificationListener {
  readonly #connection: ConnectionOptions;
  readonly #channel: string;
  readonly #onNotification: () => void;
  #client: pg.Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  /** `channel` is an SQL identifier of the product's own, in lower case. */
  constructor(connection: ConnectionOptions, channel: string, onNotification: () => void) {
    this.#connection = connection;
    this.#channel = channel;
    this.#onNotification = onNotification;
  }

  /** Begins to listen, now or as soon as the database answers. Never rejects. */
  async start(): Promise<void> {
    if (this.#closed) return;
    const client = new pg.Client({
      ...toPgConfig(this.#connection),
      application_name: 'entrepot listen',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
    const lose = (): void => this.#lose(client);
    client.on('error', lose);
    client.on('end', lose);
    client.on('notification', this.#onNotification);
    this.#client = client;
    try {
      await client.connect();
      await client.query(`LISTEN "${this.#channel}"`);
      // what was said while nobody listened
      this.#onNotification();
    } catch {
      lose();
    }
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  #lose(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    client.end().catch(() => undefined);
    if (!this.#closed) this.#retry = setTimeout(() => void this.start(), retryMilliseconds).unref();
  }
}
