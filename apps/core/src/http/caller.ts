import type { FastifyRequest } from 'fastify';
import { principalName, type Principal } from '@entrepot/access/principal';
import type { RequestOrigin } from '@entrepot/access/request-origin';
import type { ProjectRights } from '@entrepot/access/rights';
import type { Operation } from '@entrepot/api-contract/operation';
import type { Origin } from '@entrepot/catalog/manifest-record';
import { AppError } from '@entrepot/errors/app-error';

/** Whoever sent the request, and what the guard found out about it. */
export interface Caller {
  readonly principal: Principal;
  /** What is asked for. */
  readonly operation: Operation;
  /** The project that the path names, and the caller's rights in it, of operations in a project. */
  readonly inProject: ProjectRights | undefined;
  /** Who and by which request: part of every audit row and fact. */
  readonly origin: Origin;
}

const callers = new WeakMap<FastifyRequest, Caller>();

/** Remembers who sent a request. */
export function setCaller(request: FastifyRequest, caller: Caller): void {
  callers.set(request, caller);
}

/** Who sent the request; undefined before the guard knows. */
export function findCaller(request: FastifyRequest): Caller | undefined {
  return callers.get(request);
}

/** Who sent the request. The guard ran before, so it is known. */
export function getCaller(request: FastifyRequest): Caller {
  const caller = findCaller(request);
  if (caller === undefined) throw new Error('the access guard has not run');
  return caller;
}

/** The project that the path of the running operation names, and the caller's rights in it. */
export function projectOf(caller: Caller): ProjectRights {
  if (caller.inProject === undefined) throw new Error('the operation is not one in a project');
  return caller.inProject;
}

/** Who and by which request, from a request and its principal. */
export function originOf(request: FastifyRequest, principal: Principal, from: RequestOrigin): Origin {
  return {
    actor: principalName(principal),
    actorKind: principal.kind,
    requestId: request.id,
    address: from.address,
    userAgent: request.headers['user-agent'],
    method: request.method,
    host: from.host,
  };
}

/** The refusal of a caller without `what` it takes: 401 for nobody, 403 for somebody. */
export function refuse(principal: Principal, what: string): AppError {
  return principal.kind === 'anonymous'
    ? new AppError('UNAUTHORIZED', `log in first: this needs ${what}`)
    : new AppError('FORBIDDEN', `${principal.name} may not do this: it needs ${what}`);
}

/** Whether a principal is an administrator, who is told what exists and what does not. */
export function isAdministrator(principal: Principal): boolean {
  return principal.kind === 'user' && principal.administrator;
}
