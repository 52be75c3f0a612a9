import { Strategy } from '@fastify/passport';
import type { FastifyRequest } from 'fastify';
import { anonymous } from '@entrepot/access/principal';

/** Whoever shows no credentials at all. Credentials that do not hold are refused, never taken for none. */
export class AnonymousStrategy extends Strategy {
  constructor() {
    super('anonymous');
  }

  override authenticate(request: FastifyRequest): void {
    if (request.headers.authorization === undefined) this.success(anonymous);
    else this.fail();
  }
}
