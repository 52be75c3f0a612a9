import { Strategy } from '@fastify/passport';
import type { FastifyRequest } from 'fastify';
import type { Authenticator } from '@entrepot/access/authenticate';
import { parseBasicCredentials } from '@entrepot/access/basic-credentials';
import type { RequestOrigins } from '@entrepot/access/request-origin';

/** People by name or mail address and password, robots by name and secret. */
export class BasicStrategy extends Strategy {
  // no #private members: passport calls strategies on objects that only inherit from them
  private readonly authenticator: Authenticator;
  private readonly origins: RequestOrigins;

  constructor(authenticator: Authenticator, origins: RequestOrigins) {
    super('basic');
    this.authenticator = authenticator;
    this.origins = origins;
  }

  override async authenticate(request: FastifyRequest): Promise<void> {
    const credentials = parseBasicCredentials(request.headers.authorization ?? '');
    if (credentials === undefined) {
      this.fail();
      return;
    }
    const { address } = this.origins.read(request.raw);
    const { username, password } = credentials;
    const from = { address, requestId: request.id, userAgent: request.headers['user-agent'] };
    this.success(await this.authenticator.authenticateBasic(username, password, from));
  }
}
