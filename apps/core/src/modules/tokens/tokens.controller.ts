import { Controller, Get, Header, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RequestOrigins } from '@entrepot/access/request-origin';
import { TokenService, type TokenResponse } from '@entrepot/access/token-service';
import { OutsideContract } from '../../http/endpoint.ts';
import { KeysService } from './keys.service.ts';
import { readTokenGet, readTokenPost, type TokenHttpRequest } from './token-request.ts';

/** The token service, in both forms of distribution's specification, and the keys that its tokens are checked by. */
@Controller()
export class TokensController {
  constructor(
    private readonly tokens: TokenService,
    private readonly keys: KeysService,
    private readonly origins: RequestOrigins,
  ) {}

  @Get('/service/token')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @OutsideContract()
  get(@Req() request: FastifyRequest): Promise<TokenResponse> {
    return this.tokens.issueTokens(readTokenGet(this.read(request)));
  }

  @Post('/service/token')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @OutsideContract()
  post(@Req() request: FastifyRequest): Promise<TokenResponse> {
    return this.tokens.issueTokens(readTokenPost(this.read(request), request.body));
  }

  @Get('/.well-known/jwks.json')
  @HttpCode(200)
  @Header('cache-control', 'public, max-age=60')
  @OutsideContract()
  jwks(): Promise<{ keys: object[] }> {
    return this.keys.jwks();
  }

  private read(request: FastifyRequest): TokenHttpRequest {
    const { address } = this.origins.read(request.raw);
    const from = { address, requestId: request.id, userAgent: request.headers['user-agent'] };
    return { url: request.url, authorization: request.headers.authorization, from };
  }
}
