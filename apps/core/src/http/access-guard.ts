import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '@entrepot/access/principal';
import { rightsInSystem, type ProjectRights } from '@entrepot/access/rights';
import type { Operation } from '@entrepot/api-contract/operation';
import { AppError } from '@entrepot/errors/app-error';
import type { Permission } from '@entrepot/policy/permission';
import { can } from '@entrepot/policy/rights';
import type { Authenticate } from '../auth/strategies.ts';
import type { CoreConfig } from '../core-config.ts';
import type { CoreResources } from '../core-resources.ts';
import { isAdministrator, originOf, refuse, setCaller } from './caller.ts';
import { isOutsideContract, operationOf } from './endpoint.ts';
import { projectOfPath } from './project-of-path.ts';
import { contextOf } from './request-log.ts';

/**
 * Who sends a request, and whether he may: the first thing that happens to it, before anything else of it is read.
 * A project that does not exist and one without rights are refused alike; only an administrator is told 404.
 */
export class AccessGuard implements CanActivate {
  readonly #config: CoreConfig;
  readonly #resources: CoreResources;
  readonly #authenticate: Authenticate;

  constructor(config: CoreConfig, resources: CoreResources, authenticate: Authenticate) {
    this.#config = config;
    this.#resources = resources;
    this.#authenticate = authenticate;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const op = operationOf(context.getHandler());
    if (op === undefined) return isOutsideContract(context.getHandler());
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const principal = await this.#authenticate(request, http.getResponse<FastifyReply>());
    const origin = originOf(request, principal, this.#resources.origins.read(request.raw));
    const log = contextOf(request);
    if (log !== undefined) log.user = origin.actor;
    if (this.#config.readOnly && op.method !== 'GET' && op.method !== 'HEAD') {
      throw new AppError('READ_ONLY', 'The system is in read only mode. Any modification is prohibited.');
    }
    const caller = { principal, operation: op, origin, inProject: undefined };
    setCaller(request, caller);
    setCaller(request, { ...caller, inProject: await this.#authorize(op, request, principal) });
    return true;
  }

  async #authorize(
    op: Operation,
    request: FastifyRequest,
    principal: Principal,
  ): Promise<ProjectRights | undefined> {
    const { access } = op;
    switch (access.kind) {
      case 'public':
        return undefined;
      case 'authenticated':
        if (principal.kind === 'anonymous') throw refuse(principal, 'an account');
        return undefined;
      case 'system':
        if (can(await rightsInSystem(this.#resources.database, principal), access.permission))
          return undefined;
        throw refuse(principal, `the permission ${access.permission} in the system`);
      case 'project':
        return await this.#authorizeInProject(access.permission, request, principal);
    }
  }

  async #authorizeInProject(
    permission: Permission,
    request: FastifyRequest,
    principal: Principal,
  ): Promise<ProjectRights> {
    const found = await projectOfPath(this.#resources.database, request, principal);
    if (found !== undefined && can(found.rights, permission)) return found;
    if (found === undefined && isAdministrator(principal)) {
      throw new AppError('PROJECT_NOT_FOUND', 'there is no project of that name or id');
    }
    throw refuse(principal, `the permission ${permission} in this project`);
  }
}
