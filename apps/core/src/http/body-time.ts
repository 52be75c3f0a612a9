import type { FastifyInstance } from 'fastify';

/**
 * Cuts the connection of a request whose body is not whole in time. The server that carries `/v2/` cannot limit how
 * long a request takes, since pushes take hours; here a body is a mebibyte at most.
 */
export function limitBodyTime(fastify: FastifyInstance, milliseconds: number): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { raw } = request;
    if (!raw.complete) {
      const timer = setTimeout(() => raw.destroy(), milliseconds);
      raw.once('end', () => clearTimeout(timer));
      raw.once('close', () => clearTimeout(timer));
    }
    done();
  });
}
