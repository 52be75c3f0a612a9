import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { createApp } from './app.ts';
import type { CoreConfig } from './core-config.ts';
import type { CoreResources } from './core-resources.ts';

/** The REST API, the token service and the page at `/`. */
export interface Core {
  /** Answers one request of any path but `/v2` and what is below it. */
  handle(req: IncomingMessage, res: ServerResponse): void;
  start(): Promise<void>;
  /** Ends what is kept open between requests. Requests in flight must have ended. */
  stop(): Promise<void>;
}

/** Puts core together. Fails when an operation of the contract has no handler, or two. */
export async function createCore(config: CoreConfig, resources: CoreResources): Promise<Core> {
  const app = await createApp(config, resources);
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  return {
    handle: (req, res) => fastify.routing(req, res),
    start: async () => undefined,
    stop: async () => {
      await resources.denials.flush();
      await app.close();
    },
  };
}
