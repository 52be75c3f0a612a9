import type { Clock } from '@entrepot/telemetry/clock';
import type { KeyRing } from './key-ring.ts';
import { verifyBytes, type VerificationKey } from './signing-key.ts';
import {
  tokenClaims,
  tokenHeader,
  type AccessEntry,
  type TokenClaims,
  type TokenPrincipal,
} from './token-claims.ts';

/** Seconds by which clocks of two machines may differ. */
export const leewaySeconds = 60;

const longestGraceSeconds = 24 * 60 * 60;
const longestToken = 16 * 1024;

// what is remembered of a token takes some five times its text: two generations are at most 40 MiB
const longestRemembered = 4 * 1024;
const textOfGeneration = 4 * 1024 * 1024;

/** A token whose signature and claims hold, in the form that decisions need. */
export interface VerifiedToken {
  readonly subject: string;
  /** `undefined`: issued to an anonymous caller. */
  readonly principal: TokenPrincipal | undefined;
  /** Repository scopes by repository name. */
  readonly repositories: ReadonlyMap<string, AccessEntry>;
  /** Whether it grants `registry:catalog:*`. */
  readonly catalog: boolean;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/**
 * `expired`: correctly signed by a key that is still published, and past its time by less than a day. Good for
 * nothing but going on with a push that began in time.
 */
export type TokenVerdict =
  | { readonly state: 'valid'; readonly token: VerifiedToken }
  | { readonly state: 'expired'; readonly token: VerifiedToken }
  | { readonly state: 'invalid'; readonly reason: string };

/** What a {@link TokenVerifier} needs. */
export interface TokenVerifierOptions {
  readonly keys: KeyRing;
  readonly issuer: string;
  /** The service that tokens must be meant for. */
  readonly audience: string;
  readonly clock: Clock;
  /** Tokens remembered in each of two generations; default 10,000. */
  readonly remembered?: number;
}

interface Remembered {
  readonly key: VerificationKey;
  readonly notBefore: number;
  readonly endsAt: number;
  readonly token: VerifiedToken;
  readonly valid: TokenVerdict;
  readonly expired: TokenVerdict;
}

/**
 * Verifies compact JWS tokens. A verified token is remembered by its whole text, in two generations of bounded
 * number and length, until it expires or its key is withdrawn: the second request of a token costs a look into a
 * map. A token of more than 4 KiB, or one that allows nothing to nobody in particular, is verified each time:
 * anybody can have those made without end.
 */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #limit: number;
  #young = new Map<string, Remembered>();
  #old = new Map<string, Remembered>();
  #youngText = 0;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#limit = options.remembered ?? 10_000;
  }

  /** The verdict on a token that was verified before; `undefined` when it has to be verified. */
  find(text: string): TokenVerdict | undefined {
    const found = this.#young.get(text) ?? this.#rejuvenate(text);
    if (found === undefined || this.#options.keys.find(found.key.id) !== found.key) return undefined;
    return this.#judge(found);
  }

  /** The verdict on a token: signature, issuer, audience, times. Never throws for what a client sent. */
  async verify(text: string): Promise<TokenVerdict> {
    const known = this.find(text);
    if (known !== undefined) return known;
    if (text.length > longestToken) return invalid('it is too long');
    const parts = text.split('.');
    const [header, payload, signature] = parts;
    if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
      return invalid('it is no compact JWS');
    }
    const key = await this.#keyOf(header);
    if (key === undefined) return invalid('it was signed by an unknown key or algorithm');
    if (!verifyBytes(key, Buffer.from(`${header}.${payload}`), Buffer.from(signature, 'base64url'))) {
      return invalid('its signature does not hold');
    }
    return this.#accept(text, key, readJson(payload));
  }

  /** Remembers a token that this process has just signed, so that its first request need not verify it. */
  remember(text: string, key: VerificationKey, claims: TokenClaims): void {
    const known = this.#options.keys.find(key.id);
    if (known !== undefined) this.#store(text, toRemembered(known, claims));
  }

  async #keyOf(header: string): Promise<VerificationKey | undefined> {
    const parsed = tokenHeader.safeParse(readJson(header));
    if (!parsed.success) return undefined;
    const key = await this.#options.keys.findFresh(parsed.data.kid);
    // the key says which algorithm it is for: a token cannot choose a weaker one, or none
    return key?.algorithm === parsed.data.alg ? key : undefined;
  }

  #accept(text: string, key: VerificationKey, payload: unknown): TokenVerdict {
    const parsed = tokenClaims.safeParse(payload);
    if (!parsed.success) return invalid('its claims are incomplete');
    const claims = parsed.data;
    if (claims.iss !== this.#options.issuer) return invalid('it was issued by another instance');
    if (claims.aud !== this.#options.audience) return invalid('it is meant for another service');
    const remembered = toRemembered(key, claims);
    const verdict = this.#judge(remembered);
    if (verdict.state !== 'invalid') this.#store(text, remembered);
    return verdict;
  }

  #judge(remembered: Remembered): TokenVerdict {
    const now = this.#options.clock.now();
    if (now < remembered.notBefore)
      return invalid('it is not valid yet: compare the clocks of the two machines');
    if (now <= remembered.endsAt) return remembered.valid;
    if (now <= remembered.endsAt + longestGraceSeconds * 1000) return remembered.expired;
    return invalid('it has expired');
  }

  #store(text: string, remembered: Remembered): void {
    if (text.length > longestRemembered || allowsNothing(remembered.token) || this.#young.has(text)) return;
    if (this.#young.size >= this.#limit || this.#youngText + text.length > textOfGeneration) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngText = 0;
    }
    this.#young.set(text, remembered);
    this.#youngText += text.length;
  }

  #rejuvenate(text: string): Remembered | undefined {
    const found = this.#old.get(text);
    if (found !== undefined) this.#store(text, found);
    return found;
  }
}

function invalid(reason: string): TokenVerdict {
  return { state: 'invalid', reason };
}

function readJson(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

function toRemembered(key: VerificationKey, claims: TokenClaims): Remembered {
  const token: VerifiedToken = {
    subject: claims.sub,
    principal: claims.principal,
    repositories: mergeRepositories(claims.access),
    catalog: claims.access.some(isCatalog),
    issuedAt: claims.iat,
    expiresAt: claims.exp,
  };
  return {
    key,
    notBefore: (claims.nbf - leewaySeconds) * 1000,
    endsAt: (claims.exp + leewaySeconds) * 1000,
    token,
    valid: { state: 'valid', token },
    expired: { state: 'expired', token },
  };
}

function allowsNothing({ principal, repositories, catalog }: VerifiedToken): boolean {
  if (principal !== undefined || catalog) return false;
  return [...repositories.values()].every((entry) => entry.actions.length === 0);
}

function isCatalog(entry: AccessEntry): boolean {
  return entry.type === 'registry' && entry.name === 'catalog' && entry.actions.includes('*');
}

// A name may stand in several entries: their actions add up.
function mergeRepositories(access: readonly AccessEntry[]): Map<string, AccessEntry> {
  const byName = new Map<string, AccessEntry>();
  for (const entry of access) {
    if (entry.type !== 'repository') continue;
    const before = byName.get(entry.name);
    byName.set(entry.name, {
      ...entry,
      actions: [...new Set([...(before?.actions ?? []), ...entry.actions])],
    });
  }
  return byName;
}
