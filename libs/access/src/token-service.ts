import { randomBytes } from 'node:crypto';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import type { AccessEntry, TokenClaims } from '@entrepot/identity/token-claims';
import { signToken } from '@entrepot/identity/token-signer';
import type { TokenVerifier } from '@entrepot/identity/token-verifier';
import { formatScope } from '@entrepot/oci/scope';
import type { Clock } from '@entrepot/telemetry/clock';
import { findRequestContext } from '@entrepot/telemetry/request-context';
import type { Authenticator, LoginOrigin } from './authenticate.ts';
import { createProjectsForPush, type FirstPushPolicy } from './first-push.ts';
import { anonymous, principalName, toTokenPrincipal, type Principal } from './principal.ts';
import { authenticateRefreshToken, createRefreshToken } from './refresh-tokens.ts';
import type { ActiveSigningKey } from './signing-keys.ts';
import { grantScopes, pushedRepositories, readScopes } from './token-scopes.ts';

/** The service that tokens are for: `service` of the challenge, `aud` of the token. */
export const tokenAudience = 'entrepot-registry';

/** `iss` of every token. */
export const tokenIssuer = 'entrepot-token-issuer';

// scripts written for Harbor name its service
const knownServices = new Set([tokenAudience, 'harbor-registry']);

// a header line of 16 KiB is the most that HTTP servers, ours too, take
const longestToken = 12 * 1024;

/** How a caller of the token service shows who he is. */
export type TokenCredentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'refresh'; readonly token: string }
  /** Shown otherwise, and checked by the caller: a session, say. */
  | { readonly kind: 'principal'; readonly principal: Principal };

/** A request for a token, of either form. */
export interface TokenRequest extends LoginOrigin {
  readonly service: string | undefined;
  /** The `scope` parameters as they came; each may hold several. */
  readonly scopes: readonly string[];
  readonly credentials: TokenCredentials;
  /** `offline_token=true`, or `access_type=offline`: a refresh token is wanted. */
  readonly offline: boolean;
  readonly clientId?: string | undefined;
}

/** The answer, in the members of the distribution token specification. Times in seconds and RFC 3339. */
export interface TokenResponse {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
  /** What was granted, as it would be asked for; the OAuth2 form answers it. */
  readonly scope: string;
  readonly refresh_token?: string;
}

/** What a {@link TokenService} needs. */
export interface TokenServiceOptions {
  readonly database: Database;
  readonly authenticator: Authenticator;
  readonly signingKey: ActiveSigningKey;
  readonly clock: Clock;
  /** Seconds that a token lives. */
  readonly lifetimeSeconds: number;
  /** Whether a token to push to a project that does not exist creates it; default `off`. */
  readonly firstPush?: FirstPushPolicy;
  /** The verifier of the same process, if it has one: it need not verify what was signed beside it. */
  readonly verifier?: TokenVerifier;
}

/** Issues registry tokens: distribution's token specification, `GET` and the OAuth2 `POST` form. */
export class TokenService {
  readonly #options: TokenServiceOptions;

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  /**
   * Authenticates, intersects the scopes with what the principal may do now, and signs. `BAD_REQUEST` for
   * another service or too many scopes, `UNAUTHORIZED` for credentials that do not hold, and when neither
   * credentials nor scopes are there: that is how a client finds out whether it has to log in.
   */
  async issueTokens(request: TokenRequest): Promise<TokenResponse> {
    const service = request.service ?? tokenAudience;
    if (!knownServices.has(service)) {
      throw new AppError(
        'BAD_REQUEST',
        `unable to handle service: ${service}; this token service serves ${tokenAudience}`,
      );
    }
    const principal = await this.#authenticate(request);
    const context = findRequestContext();
    if (context !== undefined && principal.kind !== 'anonymous') context.user = principal.name;
    if (principal.kind === 'anonymous' && request.scopes.length === 0) {
      throw new AppError('UNAUTHORIZED', 'log in, or name the scope that you need');
    }
    const { database, firstPush: policy = 'off' } = this.#options;
    const scopes = readScopes(request.scopes);
    const push = { policy, names: pushedRepositories(scopes), address: request.address };
    await createProjectsForPush(database, principal, push);
    const access = await grantScopes(database, principal, scopes);
    const response = await this.#sign(principal, access);
    if (!request.offline || principal.kind === 'anonymous') return response;
    return { ...response, refresh_token: await this.#refreshToken(request, principal) };
  }

  async #authenticate(request: TokenRequest): Promise<Principal> {
    const { credentials } = request;
    const { authenticator, database } = this.#options;
    switch (credentials.kind) {
      case 'none':
        return anonymous;
      case 'principal':
        return credentials.principal;
      case 'basic':
        return await authenticator.authenticateBasic(credentials.username, credentials.password, request);
      case 'refresh':
        return await authenticateRefreshToken(database, credentials.token, tokenAudience);
    }
  }

  async #sign(principal: Principal, access: readonly AccessEntry[]): Promise<TokenResponse> {
    const { clock, lifetimeSeconds, signingKey, verifier } = this.#options;
    const issuedAt = Math.floor(clock.now() / 1000);
    const claims: TokenClaims = {
      iss: tokenIssuer,
      sub: principalName(principal),
      aud: tokenAudience,
      exp: issuedAt + lifetimeSeconds,
      nbf: issuedAt,
      iat: issuedAt,
      jti: randomBytes(12).toString('base64url'),
      access,
      principal: toTokenPrincipal(principal),
    };
    const key = await signingKey.get();
    const token = signToken(key, claims);
    if (token.length > longestToken) {
      throw new AppError(
        'BAD_REQUEST',
        'a token with these scopes is longer than HTTP headers may be; ask for several tokens',
      );
    }
    verifier?.remember(token, key, claims);
    return {
      token,
      access_token: token,
      expires_in: lifetimeSeconds,
      issued_at: new Date(issuedAt * 1000).toISOString(),
      scope: access
        .filter((entry) => entry.actions.length > 0)
        .map(formatScope)
        .join(' '),
    };
  }

  async #refreshToken(
    request: TokenRequest,
    principal: Exclude<Principal, { kind: 'anonymous' }>,
  ): Promise<string> {
    if (request.credentials.kind === 'refresh') return request.credentials.token;
    const use = { service: tokenAudience, clientId: request.clientId };
    return await createRefreshToken(this.#options.database, principal, use);
  }
}
