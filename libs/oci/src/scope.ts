/** A right that a client asks for, or a token grants (distribution's token scope grammar). */
export interface Scope {
  /** `repository`, `registry`, or one that the reader ignores. */
  readonly type: string;
  /** The class in `repository(plugin):…`. */
  readonly class?: string | undefined;
  /** Of a repository its name, which may hold a host with its port. Not checked here. */
  readonly name: string;
  /** Each once, in the order asked for. */
  readonly actions: readonly string[];
}

/** What a Bearer challenge says. */
export interface BearerChallenge {
  /** Address of the token service. */
  readonly realm: string;
  readonly service: string;
  readonly scope?: string | readonly Scope[] | undefined;
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined;
}

const typePattern = /^([a-z0-9]+)(?:\(([a-z0-9]+)\))?$/;

/**
 * Reads the `scope` parameters of a token request (distribution's token scope documentation): each holds one or more
 * `type[(class)]:name:actions`, separated by spaces. The type ends at the first colon, the actions begin after the
 * last. What does not follow the grammar is left out; unknown types are kept.
 */
export function parseScopes(values: readonly string[]): Scope[] {
  return values
    .flatMap((value) => value.split(' '))
    .map(parseScope)
    .filter((scope) => scope !== undefined);
}

function parseScope(text: string): Scope | undefined {
  const first = text.indexOf(':');
  const last = text.lastIndexOf(':');
  const match = first === last ? null : typePattern.exec(text.slice(0, first));
  const name = text.slice(first + 1, last);
  if (match === null || name === '') return undefined;
  const actions = [...new Set(text.slice(last + 1).split(','))].filter((action) => action !== '');
  return { type: match[1] ?? '', class: match[2], name, actions };
}

/** A scope as it stands in a token request and in a challenge. */
export function formatScope(scope: Scope): string {
  const type = scope.class === undefined ? scope.type : `${scope.type}(${scope.class})`;
  return `${type}:${scope.name}:${scope.actions.join(',')}`;
}

/**
 * The WWW-Authenticate header that sends a client to the token service (RFC 6750 § 3, distribution-spec § Authentication).
 * Values are quoted (RFC 9110 § 5.6.4); characters that no header may hold become `?`.
 */
export function formatBearerChallenge(challenge: BearerChallenge): string {
  const { realm, service, scope, error } = challenge;
  const scopeText = typeof scope === 'object' ? scope.map(formatScope).join(' ') : scope;
  const parameters = { realm, service, scope: scopeText, error };
  return `Bearer ${Object.entries(parameters)
    .filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '')
    .map(([key, value]) => `${key}=${quoted(value)}`)
    .join(',')}`;
}

function quoted(value: string): string {
  return `"${value.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
