import { AppError, isAppError } from '@entrepot/errors/app-error';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { parseRedisUrl, type RedisAddress } from './redis-url.ts';

/** What a connection is for. `waiting`: BullMQ's workers, who wait as long as it takes. `asking`: all others. */
export type RedisUse = 'waiting' | 'asking';

// how long whoever asks waits for Redis, before he goes on without it
const patienceMs = 1_000;
const longestRetryMs = 1_000;

/**
 * A connection to Redis, which is made anew for as long as it takes when it breaks. What is asked while it is broken
 * fails at once. Throws `CONFIG_INVALID` for a URL that is none of Redis.
 */
export function connectRedis(url: string, use: RedisUse): Redis | Cluster {
  const address = parseRedisUrl(url);
  if (address === undefined) throw new AppError('CONFIG_INVALID', 'this is no URL of Redis');
  const connection = connect(address, optionsOf(address, use));
  // whoever uses it hears of it by his own failure; without a listener it would be printed
  connection.on('error', () => undefined);
  connection.on('ready', () => away.delete(connection));
  return connection;
}

// those that somebody has waited for in vain since they broke
const away = new WeakSet<Redis | Cluster>();

/**
 * Resolves when the connection can be used, soon if it has just broken. `UNAVAILABLE` when that takes longer than a
 * second, and at once for whoever comes after that.
 */
export async function awaitRedis(connection: Redis | Cluster): Promise<void> {
  if (connection.status === 'ready') return;
  if (!away.has(connection) && (await becomesReady(connection))) return;
  away.add(connection);
  throw redisAway();
}

/**
 * What Redis itself said, as it is; `UNAVAILABLE` for the words that the client has of its own when a connection breaks
 * while something is asked.
 */
export function translateRedisError(error: unknown): unknown {
  const isSaid = error instanceof Error && error.name === 'ReplyError';
  return isSaid || isAppError(error) ? error : redisAway(error);
}

function redisAway(cause?: unknown): AppError {
  return new AppError('UNAVAILABLE', 'Redis does not answer', { retryAfter: 2, cause });
}

// those that wait at the same time wait together
const waiting = new WeakMap<Redis | Cluster, Promise<boolean>>();

async function becomesReady(connection: Redis | Cluster): Promise<boolean> {
  const together = waiting.get(connection) ?? waitForReady(connection);
  waiting.set(connection, together);
  return await together.finally(() => waiting.delete(connection));
}

async function waitForReady(connection: Redis | Cluster): Promise<boolean> {
  return await new Promise((resolve) => {
    const hear = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    const timer = setTimeout(() => {
      connection.off('ready', hear);
      resolve(false);
    }, patienceMs);
    connection.once('ready', hear);
  });
}

function optionsOf(address: RedisAddress, use: RedisUse): RedisOptions {
  const { username, password, tls } = address;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    connectTimeout: 5_000,
    retryStrategy: (times) => Math.min(times * 50, longestRetryMs),
    maxRetriesPerRequest: null,
    ...(use === 'asking' ? { enableOfflineQueue: false, commandTimeout: 5_000 } : {}),
  };
}

function connect(address: RedisAddress, options: RedisOptions): Redis | Cluster {
  const { kind, nodes, primary: name, database: db, tls, sentinelPassword } = address;
  switch (kind) {
    case 'single':
      return new Redis({ ...options, ...nodes[0], db });
    case 'sentinel': {
      const known = sentinelPassword === undefined ? {} : { sentinelPassword };
      const secured = tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {};
      const sentinelRetryStrategy = (times: number): number => Math.min(times * 50, longestRetryMs);
      return new Redis({
        ...options,
        ...known,
        ...secured,
        sentinels: [...nodes],
        name,
        db,
        sentinelRetryStrategy,
      });
    }
    case 'cluster':
      return new Cluster([...nodes], {
        redisOptions: options,
        enableOfflineQueue: options.enableOfflineQueue ?? true,
        clusterRetryStrategy: (times) => Math.min(times * 50, longestRetryMs),
        // certificates name hosts, not their addresses
        ...(tls ? { dnsLookup: (host, answer) => answer(null, host) } : {}),
      });
  }
}
