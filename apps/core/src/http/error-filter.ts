import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DenialRecord } from '@entrepot/access/audit';
import { AppError } from '@entrepot/errors/app-error';
import type { ErrorCode } from '@entrepot/errors/error-code';
import type { CoreResources } from '../core-resources.ts';
import { bodyLimit } from './body-limit.ts';
import { findCaller } from './caller.ts';
import { wireErrors } from './error-table.ts';
import { allowedMethods } from './known-paths.ts';
import { noteRefusal } from './request-log.ts';

/** Writes what went wrong in a request as its answer. */
export type SendError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void;

/**
 * The one place where an error becomes an answer, in Harbor's form with our `detail` and `requestId` added. What is
 * no AppError is a defect: it is logged here, once, and the caller is told nothing but the request's id.
 */
export function createSendError({ log, denials }: Pick<CoreResources, 'log' | 'denials'>): SendError {
  return (error, request, reply) => {
    const refusal = toAppError(error, request);
    noteRefusal(request, refusal);
    if (refusal.code === 'FORBIDDEN') recordDenial(denials, request);
    const { status, code } = wireErrors[refusal.code];
    if (status === 500) {
      log.error(
        { err: error, requestId: request.id, method: request.method, path: request.url },
        'request failed',
      );
    }
    if (refusal.retryAfter !== undefined) reply.header('retry-after', refusal.retryAfter);
    if (refusal.code === 'METHOD_NOT_ALLOWED') reply.header('allow', allowedMethods(request.url).join(', '));
    const message = status === 500 ? 'internal server error' : refusal.message;
    const detail = status === 500 || refusal.detail === undefined ? {} : { detail: refusal.detail };
    void reply
      .code(status)
      .header('x-request-id', request.id)
      .header('content-type', 'application/json; charset=utf-8')
      .send({ errors: [{ code, message, ...detail }], requestId: request.id });
  };
}

/** Hands every error of Nest's part of the pipeline to {@link createSendError}. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  readonly #send: SendError;

  constructor(send: SendError) {
    this.#send = send;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.#send(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

function recordDenial(denials: DenialRecord, request: FastifyRequest): void {
  const caller = findCaller(request);
  if (caller === undefined) return;
  const { id, tag } = caller.operation;
  const resource = request.url.split('?', 1)[0] ?? '';
  denials.add(caller.origin, {
    operation: id,
    resourceType: tag,
    resource,
    projectId: caller.inProject?.project.id,
  });
}

function toAppError(error: unknown, request: FastifyRequest): AppError {
  if (error instanceof AppError) return error;
  const status = statusCodeOf(error);
  if (status === 404) return unknownPath(request);
  const code = status === undefined ? undefined : frameworkCodes[status];
  if (code === undefined) return new AppError('INTERNAL', 'internal server error', { cause: error });
  return new AppError(code, describeFrameworkError(code, error), { cause: error });
}

// what Nest and Fastify refuse by themselves: unknown paths, bodies that are too long, malformed URLs
const frameworkCodes: Readonly<Record<number, ErrorCode | undefined>> = {
  400: 'BAD_REQUEST',
  413: 'TOO_LARGE',
  414: 'BAD_REQUEST',
  415: 'UNPROCESSABLE',
};

function describeFrameworkError(code: ErrorCode, error: unknown): string {
  if (code === 'TOO_LARGE') return `the body is too large: at most ${bodyLimit} bytes are taken here`;
  return error instanceof Error ? error.message : 'the request was refused';
}

function statusCodeOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

function unknownPath(request: FastifyRequest): AppError {
  const methods = allowedMethods(request.url);
  if (methods.length > 0) {
    return new AppError(
      'METHOD_NOT_ALLOWED',
      `${request.method} is not a method of this path; it has ${methods.join(', ')}`,
    );
  }
  return new AppError('NOT_FOUND', `there is nothing at ${request.method} ${request.url.split('?', 1)[0]}`);
}
