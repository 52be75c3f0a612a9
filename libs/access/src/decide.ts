import type { AccessEntry } from '@entrepot/identity/token-claims';
import type { VerifiedToken } from '@entrepot/identity/token-verifier';
import type { RegistryAction } from '@entrepot/policy/registry-actions';

/** What the database says now of whom and what a token is about. */
export interface AccessFacts {
  /** `access_version` of the token's principal; `undefined` when it is gone, disabled or expired. */
  readonly principalVersion: number | undefined;
  /**
   * The repository's project; for a repository that does not exist, the one that its name would belong to
   * (project-of-name.ts). `undefined` when there is none.
   */
  readonly project: { readonly id: number; readonly version: number } | undefined;
}

/** `challenge`: answer 401 and name the scope; a client whose rights still hold comes back with a new token. */
export type AccessDecision = 'allowed' | 'challenge';

/**
 * Whether a token allows an action on a repository at this moment. Pure: rights are taken away by raising a
 * version in a row that the request reads anyway, so no right outlives its removal while the database answers
 * (I5), and a project made anew under an old name does not honour the old one's tokens.
 */
export function decide(
  token: VerifiedToken,
  repository: string,
  action: RegistryAction,
  facts: AccessFacts,
): AccessDecision {
  const entry = token.repositories.get(repository);
  const allowed =
    entry !== undefined &&
    entry.actions.includes(action) &&
    isOfNow(entry, facts) &&
    isPrincipalOfNow(token, facts);
  return allowed ? 'allowed' : 'challenge';
}

/** Whether the token's principal still holds what it held; always so for an anonymous one. */
export function isPrincipalOfNow(
  token: VerifiedToken,
  facts: Pick<AccessFacts, 'principalVersion'>,
): boolean {
  return token.principal === undefined || token.principal.version === facts.principalVersion;
}

function isOfNow(entry: AccessEntry, { project }: AccessFacts): boolean {
  return project !== undefined && entry.project === project.id && entry.version === project.version;
}
