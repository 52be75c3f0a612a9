import { Controller, Get, Header, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RequestOrigins } from '@entrepot/access/request-origin';
import { TokenService, type TokenResponse } from '@entrepot/access/token-service';
import { OutsideContract } from '../../http/endpoint.ts';
import { readTokenGet, readTokenPost, type TokenHttpRequest } from './token-request.ts';

/** The token service, in both forms of distribution's specification. */
@Controller('/service/token')
export class TokensController {
  constructor(
    private readonly tokens: TokenService,
    private readonly origins: RequestOrigins,
  ) {}

  @Get()
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @OutsideContract()
  get(@Req() request: FastifyRequest): Promise<TokenResponse> {
    return this.tokens.issueTokens(readTokenGet(this.read(request)));
  }

  @Post()
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @OutsideContract()
  post(@Req() request: FastifyRequest): Promise<TokenResponse> {
    return this.tokens.issueTokens(readTokenPost(this.read(request), request.body));
  }

  private read(request: FastifyRequest): TokenHttpRequest {
    const { address } = this.origins.read(request.raw);
    return { url: request.url, authorization: request.headers.authorization, address };
  }
}
