import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { z } from 'zod';
import type { Created, Page } from '@entrepot/api-contract/answer';
import type { Operation } from '@entrepot/api-contract/operation';
import { formatPageLinks } from '@entrepot/api-contract/page-links';
import { operationOf } from './endpoint.ts';
import { listOf } from './read-input.ts';

/**
 * Turns what a handler returns into the answer that its operation promises: only members of the schema leave, a
 * page brings its total and links, something new brings its place.
 */
export class AnswerInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const op = operationOf(context.getHandler());
    if (op === undefined) return next.handle();
    const http = context.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    return next
      .handle()
      .pipe(map((result: unknown) => answer(op, result, http.getRequest<FastifyRequest>(), reply)));
  }
}

function answer(op: Operation, result: unknown, request: FastifyRequest, reply: FastifyReply): unknown {
  const kind = op.answer;
  switch (kind.kind) {
    case 'nothing':
      return undefined;
    case 'text':
      reply.header('content-type', 'text/plain; charset=utf-8');
      return result;
    case 'body':
      return kind.schema.parse(result);
    case 'body-if-any':
      return result === undefined ? undefined : kind.schema.parse(result);
    case 'page':
      return sendPage(kind.schema, asPage(result), request, reply);
    case 'created': {
      const { location, body } = asCreated(result);
      reply.header('location', location);
      return kind.schema?.parse(body);
    }
  }
}

function sendPage(
  schema: z.ZodType,
  page: Page<unknown>,
  request: FastifyRequest,
  reply: FastifyReply,
): unknown {
  reply.header('x-total-count', page.total);
  const list = listOf(request);
  if (list === undefined) throw new Error('a page was answered to a request that asked for none');
  const links = formatPageLinks(request.originalUrl, { ...list, total: page.total });
  if (links !== undefined) reply.header('link', links);
  return z.array(schema).parse(page.items);
}

// Endpoint holds handlers to the type of their operation: here it is only recovered.
function asPage(result: unknown): Page<unknown> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return result as Page<unknown>;
}

function asCreated(result: unknown): Created<unknown> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return result as Created<unknown>;
}
