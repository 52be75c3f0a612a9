import type { TokenPrincipal } from '@entrepot/identity/token-claims';

/** A person. */
export interface UserPrincipal {
  readonly kind: 'user';
  readonly id: number;
  readonly name: string;
  readonly administrator: boolean;
  /** Grows with every change that takes rights away. */
  readonly version: number;
  /** Grows with every change of the secret. */
  readonly credentialVersion: number;
}

/** A machine, of the system or of one project. */
export interface RobotPrincipal {
  readonly kind: 'robot';
  readonly id: number;
  /** As it logs in: with prefix and project, `robot$library+ci`. */
  readonly name: string;
  /** The project of a project's robot; `undefined` for one of the system. */
  readonly projectId: number | undefined;
  readonly version: number;
  readonly credentialVersion: number;
}

/** Nobody in particular. */
export interface AnonymousPrincipal {
  readonly kind: 'anonymous';
}

/** Whoever asks. */
export type Principal = UserPrincipal | RobotPrincipal | AnonymousPrincipal;

/** A principal that has shown a secret. */
export type KnownPrincipal = UserPrincipal | RobotPrincipal;

/** The principal of a request without credentials. */
export const anonymous: AnonymousPrincipal = { kind: 'anonymous' };

/** `user:1`, `robot:2`, or empty: how uploads and locks name a principal. */
export function principalKey(principal: Principal | TokenPrincipal | undefined): string {
  if (principal === undefined || principal.kind === 'anonymous') return '';
  return `${principal.kind}:${principal.id}`;
}

/** The name that audit rows and tag events show; empty for an anonymous caller. */
export function principalName(principal: Principal): string {
  return principal.kind === 'anonymous' ? '' : principal.name;
}

/** What a token says of a principal. */
export function toTokenPrincipal(principal: Principal): TokenPrincipal | undefined {
  if (principal.kind === 'anonymous') return undefined;
  return { kind: principal.kind, id: principal.id, version: principal.version };
}
