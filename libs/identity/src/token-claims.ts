import { z } from 'zod';

/**
 * One entry of the `access` claim, per the distribution token specification; `project` and `version` are ours:
 * the project that the name belonged to when the token was issued, and the version of its rights.
 */
export interface AccessEntry {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
  readonly project?: number | undefined;
  readonly version?: number | undefined;
}

/** Whom a token was issued to; absent from a token for an anonymous caller. */
export interface TokenPrincipal {
  readonly kind: 'user' | 'robot';
  readonly id: number;
  /** The version of the principal's rights at the time: an older one than the row's is refused. */
  readonly version: number;
}

/** What a token says. Times are in seconds since the epoch (RFC 7519). */
export interface TokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly exp: number;
  readonly nbf: number;
  readonly iat: number;
  readonly jti: string;
  readonly access: readonly AccessEntry[];
  readonly principal?: TokenPrincipal | undefined;
}

const seconds = z.int().nonnegative();

/** The claims of a token that was signed correctly; anything else that a key of ours may have signed is refused. */
export const tokenClaims = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.string(),
  exp: seconds,
  nbf: seconds,
  iat: seconds,
  jti: z.string(),
  access: z.array(
    z.object({
      type: z.string(),
      name: z.string(),
      actions: z.array(z.string()),
      project: z.int().optional(),
      version: z.int().optional(),
    }),
  ),
  principal: z.object({ kind: z.enum(['user', 'robot']), id: z.int(), version: z.int() }).optional(),
});

/** The protected header of a compact JWS. */
export const tokenHeader = z.object({
  alg: z.string(),
  kid: z.string(),
  // RFC 7515 §4.1.11: extensions that must be understood; none are
  crit: z.undefined().optional(),
});
