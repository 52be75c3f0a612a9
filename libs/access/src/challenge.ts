import { formatBearerChallenge, type Scope } from '@entrepot/oci/scope';
import type { RequestOrigin } from './request-origin.ts';
import { tokenAudience } from './token-service.ts';

/** Where tokens are issued, on the host and port of the registry itself. */
export const tokenPath = '/service/token';

/**
 * The `WWW-Authenticate` header of a 401 on `/v2/`. The realm is on the very scheme, host and port that the
 * client used: current clients refuse one on another private address. The challenge of a mount carries the
 * scopes of both repositories.
 */
export function challengeFor(
  origin: RequestOrigin,
  scopes: readonly Scope[] = [],
  error?: 'invalid_token' | 'insufficient_scope',
): string {
  return formatBearerChallenge({
    realm: `${origin.scheme}://${origin.host}${tokenPath}`,
    service: tokenAudience,
    scope: scopes,
    error,
  });
}
