import { Authenticator as Passport } from '@fastify/passport';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '@entrepot/access/principal';
import { AppError } from '@entrepot/errors/app-error';
import type { CoreResources } from '../core-resources.ts';
import { AnonymousStrategy } from './anonymous-strategy.ts';
import { BasicStrategy } from './basic-strategy.ts';

/** Finds out who sent a request. `UNAUTHORIZED` for credentials that do not hold. */
export type Authenticate = (request: FastifyRequest, reply: FastifyReply) => Promise<Principal>;

/** Registers the strategies. Their order here is the order in which a request is shown to them. */
export function registerStrategies(fastify: FastifyInstance, resources: CoreResources): Authenticate {
  const passport = new Passport();
  // what initialize() adds beyond this is for sessions, which there are none of yet
  fastify.decorateRequest('passport', { getter: () => passport });
  const strategies = [new BasicStrategy(resources.authenticator, resources.origins), new AnonymousStrategy()];
  return async (request, reply) => {
    let principal: Principal | undefined;
    const attempt = passport.authenticate(
      strategies,
      { session: false },
      async (_request, _reply, error, user) => {
        if (error !== null && error !== undefined) throw error;
        principal = isPrincipal(user) ? user : undefined;
      },
    );
    await attempt.call(fastify, request, reply);
    if (principal === undefined)
      throw new AppError('UNAUTHORIZED', 'the credentials are of no kind that is known here');
    return principal;
  };
}

// passport does not know of what kind the strategies' users are: they are all principals, or false
function isPrincipal(user: unknown): user is Principal {
  return typeof user === 'object' && user !== null && 'kind' in user;
}
