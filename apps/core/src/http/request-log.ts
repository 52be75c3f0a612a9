import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '@entrepot/telemetry/logger';
import type { Metrics } from '@entrepot/telemetry/metrics';
import { runInContext, type RequestContext } from '@entrepot/telemetry/request-context';

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

/** Gives each request its id and its log context, and writes its line and its metrics when it ends. */
export function observeRequests(fastify: FastifyInstance, log: Logger, metrics: Metrics): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const context: RequestContext = { requestId: request.id };
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

// reading without trouble is the common case and says nothing that the metrics do not
function writeLine(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const level = isRead && reply.statusCode < 400 ? 'debug' : 'info';
  if (!log.isLevelEnabled(level)) return;
  log[level](
    {
      ...contexts.get(request),
      method: request.method,
      path: request.url.split('?', 1)[0],
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 100) / 100,
    },
    'request',
  );
}
