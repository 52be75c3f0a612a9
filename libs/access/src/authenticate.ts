import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import { CredentialCache } from '@entrepot/identity/credential-cache';
import { systemClock, type Clock } from '@entrepot/telemetry/clock';
import { findRequestContext } from '@entrepot/telemetry/request-context';
import { countLoginFailure, forgetLoginFailures, type LoginAttempt } from './login-failures.ts';
import type { Account } from './account.ts';
import type { DenialRecord } from './audit.ts';
import type { KnownPrincipal } from './principal.ts';
import { parseRobotName } from './robot-name.ts';
import { findRobotAccount } from './robot-account.ts';
import { findUserAccount } from './user-account.ts';

/** What an {@link Authenticator} needs. */
export interface AuthenticatorOptions {
  readonly database: Database;
  readonly clock?: Clock;
  /** Told the kind of account of each refusal. */
  readonly onRefusal?: (source: 'user' | 'robot') => void;
  /** Takes down who could not log in. */
  readonly denials?: DenialRecord;
}

/** By which request somebody logs in, for the count of failures and the record. */
export interface LoginOrigin {
  /** The client's address; `undefined` over a Unix socket. */
  readonly address?: string | undefined;
  readonly requestId?: string | undefined;
  readonly userAgent?: string | undefined;
}

const longestTried = 100;

/** The name of a failed log-in as logs and records show it: it may be any text, and long. */
export function triedName(username: string): string {
  return username.slice(0, longestTried).toWellFormed();
}

const loopback = /^(127\.|::1$|::ffff:127\.)/;

/**
 * Checks names and secrets. Each call reads the principal and its versions in one statement, so that disabling,
 * deleting or a new secret works at once; only the hashing of a password is remembered.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #database: Database;
  readonly #cache: CredentialCache;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#database = options.database;
    this.#cache = new CredentialCache({ clock: options.clock ?? systemClock });
  }

  /**
   * The principal with this name and secret: a local user by name or mail address, or a robot.
   * `UNAUTHORIZED` otherwise, held back the longer the more often it failed; a right secret is never held back.
   * `UNAVAILABLE` when too many passwords are being checked.
   */
  async authenticateBasic(username: string, secret: string, from: LoginOrigin = {}): Promise<KnownPrincipal> {
    // no name holds NUL, and PostgreSQL takes no text that does
    const attempt: LoginAttempt = { account: username.replaceAll('\0', '\ufffd'), address: from.address };
    const robot = parseRobotName(attempt.account);
    const account =
      robot === undefined
        ? await findUserAccount(this.#database, attempt, secret)
        : await findRobotAccount(this.#database, robot, attempt);
    const source = robot === undefined ? 'user' : 'robot';
    if (account === undefined || !(await this.#matches(account, secret))) {
      this.#note(attempt, source, from);
      return await this.#refuse(attempt, source, account);
    }
    if (account.refusal !== undefined) {
      this.#note(attempt, source, from);
      throw new AppError('UNAUTHORIZED', account.refusal);
    }
    if (account.hasFailures) await forgetLoginFailures(this.#database, attempt);
    await account.noteUse(secret, attempt);
    return account.principal;
  }

  async #matches(account: Account, secret: string): Promise<boolean> {
    const { kind, id, credentialVersion } = account.principal;
    // a robot's check costs less than the memory of it
    if (kind === 'robot') return await account.check(secret);
    return await this.#cache.matches(`user:${id}`, secret, credentialVersion, () => account.check(secret));
  }

  // nobody knows who it was: the record shows an anonymous actor who tried a name
  #note(attempt: LoginAttempt, source: 'user' | 'robot', from: LoginOrigin): void {
    const tried = triedName(attempt.account);
    const context = findRequestContext();
    if (context !== undefined) context.tried = tried;
    const { address, requestId, userAgent } = from;
    const actor = { actor: '', actorKind: 'anonymous', address, requestId, userAgent } as const;
    this.#options.denials?.add(actor, { operation: 'login', resourceType: source, resource: tried });
  }

  async #refuse(
    attempt: LoginAttempt,
    source: 'user' | 'robot',
    account: Account | undefined,
  ): Promise<never> {
    this.#options.onRefusal?.(source);
    const delay = await countLoginFailure(this.#database, attempt);
    if (!isAdministratorAtHome(account, attempt)) await sleep(delay, undefined, { ref: false });
    throw new AppError('UNAUTHORIZED', 'the user name or the secret is wrong');
  }
}

// Whoever sits at the machine itself must be able to log in while somebody guesses the administrator's password.
function isAdministratorAtHome(account: Account | undefined, attempt: LoginAttempt): boolean {
  if (account?.principal.kind !== 'user' || !account.principal.administrator) return false;
  return attempt.address === undefined || loopback.test(attempt.address);
}
