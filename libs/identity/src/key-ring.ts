import type { JsonWebKey } from 'node:crypto';
import type { Clock } from '@entrepot/telemetry/clock';
import type { Logger } from '@entrepot/telemetry/logger';
import { exportPublicJwk, type VerificationKey } from './signing-key.ts';

/** Seconds between two looks at the published keys. The waits of a rotation are longer than this. */
export const keyRefreshSeconds = 60;

const retryMilliseconds = 5_000;
/** Looks that need not wait for that, each minute: for the keys of processes that start at the same time. */
const spareLooks = 3;

/** What a {@link KeyRing} needs. */
export interface KeyRingOptions {
  /** Reads the published keys: next, active, and retired ones whose tokens may still live. */
  readonly load: () => Promise<readonly VerificationKey[]>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The public keys that tokens are verified with, held in memory and read anew each minute. When the source
 * does not answer, the last known keys stay good.
 */
export class KeyRing {
  readonly #options: KeyRingOptions;
  #keys: ReadonlyMap<string, VerificationKey> = new Map();
  #loading: Promise<void> | undefined;
  #lastLook = Number.NEGATIVE_INFINITY;
  #spare = spareLooks;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** Reads the keys once and then each minute. Rejects when the first look fails. */
  async start(): Promise<void> {
    await this.refresh();
    this.#timer = setInterval(() => {
      this.#spare = spareLooks;
      void this.refresh().catch(this.#complain);
    }, keyRefreshSeconds * 1000);
    this.#timer.unref();
  }

  /** Ends the refreshing; the keys stay. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** The key of a `kid` among those known now. */
  find(id: string): VerificationKey | undefined {
    return this.#keys.get(id);
  }

  /**
   * The key of a `kid`, after another look at the source when it is not known: a key that another process made a
   * moment ago is found, also by those who ask while somebody looks. Beyond a few looks a minute there is one in five
   * seconds, so that made-up ids cost nothing.
   */
  async findFresh(id: string): Promise<VerificationKey | undefined> {
    // a look that is under way may have begun before the key was there
    for (let tries = 0; tries < 2; tries++) {
      const known = this.#keys.get(id);
      if (known !== undefined) return known;
      if (this.#loading === undefined && !this.#mayLook()) return undefined;
      await this.refresh().catch(this.#complain);
    }
    return this.#keys.get(id);
  }

  #mayLook(): boolean {
    if (this.#options.clock.now() - this.#lastLook >= retryMilliseconds) return true;
    if (this.#spare === 0) return false;
    this.#spare -= 1;
    return true;
  }

  /** Reads the keys now; callers at the same time share one look. */
  async refresh(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  /** The JWKS document (RFC 7517 §5). */
  jwks(): { keys: JsonWebKey[] } {
    return { keys: [...this.#keys.values()].map(exportPublicJwk) };
  }

  async #load(): Promise<void> {
    this.#lastLook = this.#options.clock.now();
    const keys = await this.#options.load();
    // a key that stays keeps its object: verified tokens are bound to it
    this.#keys = new Map(keys.map((key) => [key.id, this.#keys.get(key.id) ?? key]));
  }

  readonly #complain = (error: unknown): void => {
    this.#options.log.warn({ error }, 'signing keys not refreshed; the last known ones stay in use');
  };
}
