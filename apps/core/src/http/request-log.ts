import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '@entrepot/errors/app-error';
import type { Logger, LogLevel } from '@entrepot/telemetry/logger';
import { runInContext, type RequestContext } from '@entrepot/telemetry/request-context';
import type { CoreResources } from '../core-resources.ts';

const requestIdPattern = /^[\w.:-]{1,128}$/;

/** The id of a request: the client's own, when it is a decent one. */
export function requestIdOf(req: IncomingMessage): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
}

const contexts = new WeakMap<FastifyRequest, RequestContext>();

/** The log context of a request; `user` is set once the caller is known. */
export function contextOf(request: FastifyRequest): RequestContext | undefined {
  return contexts.get(request);
}

const refusals = new WeakMap<FastifyRequest, AppError>();

/** Takes note of why a request is refused, for its line. */
export function noteRefusal(request: FastifyRequest, refusal: AppError): void {
  refusals.set(request, refusal);
}

/** What request lines and metrics are written with. */
export type Observers = Pick<CoreResources, 'log' | 'metrics' | 'origins'>;

/** Gives each request its id and its log context, and writes its line and its metrics when it ends. */
export function observeRequests(fastify: FastifyInstance, { log, metrics, origins }: Observers): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const context: RequestContext = { requestId: request.id, address: origins.findAddress(request.raw) };
    contexts.set(request, context);
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
    runInContext(context, done);
  });
  // the events that bring a body run outside the context of the request: it is entered again
  fastify.addHook('preHandler', (request, _reply, done) => {
    runInContext(contexts.get(request) ?? { requestId: request.id }, done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    const labels = { app: 'core', route };
    metrics.requests.with({ ...labels, method: request.method, status: String(reply.statusCode) }).add();
    metrics.requestDuration.with(labels).observe(reply.elapsedTime / 1000);
    writeLine(log, request, reply);
    done();
  });
}

function writeLine(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const level = levelOf(request, reply.statusCode);
  if (!log.isLevelEnabled(level)) return;
  const refusal = refusals.get(request);
  log[level](
    {
      ...contexts.get(request),
      method: request.method,
      path: request.url.split('?', 1)[0],
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 100) / 100,
      ...(refusal === undefined ? {} : { code: refusal.code, refused: refusal.message }),
    },
    'request',
  );
}

// reading without trouble is the common case, as are the tokens that each pull asks for: the metrics say it all
function levelOf(request: FastifyRequest, status: number): Exclude<LogLevel, 'silent'> {
  if (status >= 500) return status === 500 ? 'error' : 'warn';
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const isRoutine = isRead || request.routeOptions.url === '/service/token';
  return isRoutine && status < 400 ? 'debug' : 'info';
}
