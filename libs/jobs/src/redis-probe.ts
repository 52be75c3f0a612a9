import type { Cluster, Redis } from 'ioredis';
import { awaitRedis, connectRedis } from './redis-connection.ts';

/** Asks Redis whether it is there, by a connection of its own. */
export class RedisProbe {
  readonly #connection: Redis | Cluster;

  /** `CONFIG_INVALID` for a URL that is none of Redis. */
  constructor(url: string) {
    this.#connection = connectRedis(url, 'asking');
  }

  /** Resolves when Redis answers; rejects when it does not. */
  async check(): Promise<void> {
    await awaitRedis(this.#connection);
    await this.#connection.ping();
  }

  /** Ends the connection. */
  close(): void {
    this.#connection.disconnect();
  }
}
