import type { Exchange } from '../exchange.ts';
import type { RegistryContext } from '../registry-context.ts';

const body = Buffer.from('{}');

/** `GET /v2/` (distribution-spec, "Determining Support"): proves that the credentials hold. */
export async function getBase(context: RegistryContext, exchange: Exchange): Promise<void> {
  await context.authorizer.identify(exchange);
  exchange.sendBytes(200, ['Content-Type', 'application/json; charset=utf-8'], body);
}
