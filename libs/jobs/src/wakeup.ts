import { AsyncResource } from 'node:async_hooks';
import type { Database } from '@entrepot/database/database';

/** The channel on which producers of facts wake the relay. */
export const outboxChannel = 'entrepot_outbox';

const restMilliseconds = 100;

/**
 * Tells the relay that facts wait. Called after the commit that wrote them, as often as one likes: at most one
 * NOTIFY goes out in 100 ms, in a statement of its own, since a NOTIFY inside a transaction makes commits wait
 * for one another. It may be lost; the relay looks for itself each second.
 */
export class Wakeup {
  readonly #database: Database;
  readonly #send = AsyncResource.bind(() => void this.#notify());
  #resting: NodeJS.Timeout | undefined;
  #again = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Never waits, never throws. */
  ring(): void {
    if (this.#resting !== undefined) {
      this.#again = true;
      return;
    }
    this.#rest();
    this.#send();
  }

  readonly #rest = AsyncResource.bind(() => {
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.ring();
    }, restMilliseconds).unref();
  });

  async #notify(): Promise<void> {
    await this.#database.query(`NOTIFY ${outboxChannel}`).catch(() => undefined);
  }
}
