import type { LoginAttempt } from './login-failures.ts';
import type { KnownPrincipal } from './principal.ts';

/**
 * An account as one statement read it, with everything that decides about a log-in. Made by user-account.ts
 * and robot-account.ts.
 */
export interface Account {
  readonly principal: KnownPrincipal;
  /** Why it may not log in although its secret is right, in a sentence; `undefined` when it may. */
  readonly refusal: string | undefined;
  /** Whether failures of this account at this address are on record. */
  readonly hasFailures: boolean;
  check(secret: string): Promise<boolean>;
  /** What is to be written after a log-in: nothing, most of the time. */
  noteUse(secret: string, attempt: LoginAttempt): Promise<void>;
}
