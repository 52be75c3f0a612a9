import { Controller, Get, Header, HttpCode, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RequestOrigins } from '@entrepot/access/request-origin';
import { OutsideContract } from '../../http/endpoint.ts';
import { SystemService } from './system.service.ts';
import { welcomePage } from './welcome-page.ts';

/** The page at `/`: what this is, and the first push. */
@Controller()
export class WelcomeController {
  constructor(
    private readonly origins: RequestOrigins,
    private readonly system: SystemService,
  ) {}

  @Get('/')
  @HttpCode(200)
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
  @OutsideContract()
  welcome(@Req() request: FastifyRequest): string {
    return welcomePage(this.system.productVersion, this.origins.read(request.raw));
  }
}
