import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '@entrepot/telemetry/clock';

/** Limits of a {@link CredentialCache}. */
export interface CredentialCacheOptions {
  readonly clock: Clock;
  /** Seconds for which a checked secret is remembered; default 120. */
  readonly seconds?: number;
  /** Secrets remembered; default 10,000. */
  readonly remembered?: number;
}

interface Entry {
  readonly version: number;
  readonly until: number;
}

/**
 * Remembers for a short while that a secret matched a *credential version* of an account, so that a password is
 * hashed once and not with each request of a client. It never says who may do what: whoever asks it has just
 * read the account's row, and a changed secret has another version. Kept are HMACs under a key that dies with
 * the process.
 */
export class CredentialCache {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  readonly #limit: number;
  readonly #key = randomBytes(32);
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Map<string, Promise<boolean>>();

  constructor(options: CredentialCacheOptions) {
    this.#clock = options.clock;
    this.#milliseconds = (options.seconds ?? 120) * 1000;
    this.#limit = options.remembered ?? 10_000;
  }

  /**
   * Whether `secret` is that of `account` in this credential version: remembered, or found out by `check`. The
   * same secret of one account is checked once however many requests bring it at the same time. Refusals are not
   * remembered.
   */
  async matches(
    account: string,
    secret: string,
    version: number,
    check: () => Promise<boolean>,
  ): Promise<boolean> {
    const key = this.#keyOf(account, secret, version);
    if (this.#isFresh(key, version)) return true;
    let running = this.#running.get(key);
    if (running === undefined) {
      running = check().finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    const matched = await running;
    if (matched) this.#remember(key, version);
    return matched;
  }

  #isFresh(key: string, version: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    if (entry.version === version && entry.until > this.#clock.now()) return true;
    this.#entries.delete(key);
    return false;
  }

  #remember(key: string, version: number): void {
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#limit) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(key, { version, until: this.#clock.now() + this.#milliseconds });
  }

  #keyOf(account: string, secret: string, version: number): string {
    // the lengths keep two pairs with the same concatenation apart
    return createHmac('sha256', this.#key)
      .update(`${account.length}:${account}:${version}:`)
      .update(secret)
      .digest('base64url');
  }
}
