import type { Cluster, Redis } from 'ioredis';
import { awaitRedis, connectRedis, translateRedisError } from './redis-connection.ts';

/** Asks Redis whether it is there, by a connection of its own. */
export class RedisProbe {
  readonly #connection: Redis | Cluster;

  /** `CONFIG_INVALID` for a URL that is none of Redis. */
  constructor(url: string) {
    this.#connection = connectRedis(url, 'asking');
  }

  /** Resolves when Redis answers; rejects, with `UNAVAILABLE` as a rule, when it does not. */
  async check(): Promise<void> {
    await awaitRedis(this.#connection);
    try {
      await this.#connection.ping();
    } catch (error) {
      throw translateRedisError(error);
    }
  }

  /** Ends the connection. */
  close(): void {
    this.#connection.disconnect();
  }
}
