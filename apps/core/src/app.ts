import 'reflect-metadata';
import type { IncomingMessage } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { registerStrategies } from './auth/strategies.ts';
import type { CoreConfig } from './core-config.ts';
import type { CoreResources } from './core-resources.ts';
import { AccessGuard } from './http/access-guard.ts';
import { AnswerInterceptor } from './http/answer-interceptor.ts';
import { bodyLimit } from './http/body-limit.ts';
import { limitBodyTime } from './http/body-time.ts';
import { createSendError, ErrorFilter } from './http/error-filter.ts';
import { observeRequests, requestIdOf } from './http/request-log.ts';
import { createModule } from './wiring.ts';

/**
 * The pipeline of a request, in order:
 *
 * 1. id, log context, metrics (request-log.ts)
 * 2. the body, as bytes, up to {@link bodyLimit}, within a time (body-time.ts)
 * 3. who sends it, and whether he may (access-guard.ts, auth/strategies.ts)
 * 4. parameters and body by the contract's schemas (read-input.ts, by way of endpoint.ts)
 * 5. the controller's one line, and the service
 * 6. the answer by the contract's schema (answer-interceptor.ts)
 * 7. or the refusal (error-filter.ts, error-table.ts)
 */
export async function createApp(
  config: CoreConfig,
  resources: CoreResources,
): Promise<NestFastifyApplication> {
  const sendError = createSendError(resources);
  const adapter = new FastifyAdapter({
    logger: false,
    bodyLimit,
    genReqId: (req: IncomingMessage) => requestIdOf(req),
    // malformed URLs never reach Nest
    frameworkErrors: sendError,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 1024 },
  });
  const fastify: FastifyInstance = adapter.getInstance();
  observeRequests(fastify, resources);
  limitBodyTime(fastify, config.bodyMilliseconds ?? 30_000);
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const authenticate = registerStrategies(fastify, resources);

  const app = await NestFactory.create<NestFastifyApplication>(createModule(config, resources), adapter, {
    logger: false,
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalGuards(new AccessGuard(config, resources, authenticate));
  app.useGlobalInterceptors(new AnswerInterceptor());
  app.useGlobalFilters(new ErrorFilter(sendError));
  await app.init();
  await fastify.ready();
  return app;
}
