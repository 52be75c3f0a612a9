import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Appender, DiscardGuard } from '@entrepot/storage/driver';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';

/** The process ended here: nothing that it would have done afterwards is done. */
export class Crash extends Error {}

/** What may go wrong, each with a probability from 0 to 1. */
export interface Faults {
  /** Rests for up to `longestPauseMs` between a statement and the storage, or the other way round. */
  readonly pause: number;
  readonly longestPauseMs: number;
  readonly crash: number;
}

/** Random numbers in [0, 1). */
export type Chance = () => number;

/** A file system on which processes are paused, and die, around the steps that decide about the bytes of blobs. */
export class FaultyDriver extends FilesystemDriver {
  readonly #root: string;
  readonly #chance: Chance;
  faults: Faults = { pause: 0, longestPauseMs: 0, crash: 0 };
  /** Keys at which bytes were published, or put back, by a process that died at once. */
  readonly orphans = new Set<string>();

  constructor(root: string, chance: Chance) {
    super({ root });
    this.#root = root;
    this.#chance = chance;
  }

  override async create(key: string): Promise<Appender> {
    const appender = await super.create(key);
    const publish = appender.publish.bind(appender);
    appender.publish = async (target, how) => {
      await this.#pause();
      this.#mayCrash();
      const result = await publish(target, how);
      if (this.#happens(this.faults.crash)) {
        this.orphans.add(target);
        throw new Crash();
      }
      await this.#pause();
      return result;
    };
    return appender;
  }

  override async discard(keys: readonly string[], guard: DiscardGuard): Promise<ReadonlySet<string>> {
    await this.#pause();
    this.#mayCrash();
    if (this.#happens(this.faults.crash)) this.#dieWithFilesAside(keys, guard);
    const gone = await super.discard(keys, {
      ...guard,
      confirm: async (each) => {
        await this.#pause();
        const confirmed = await guard.confirm(each);
        await this.#pause();
        return confirmed;
      },
    });
    if (this.#happens(this.faults.crash)) {
      for (const key of keys) if (!gone.has(key)) this.orphans.add(key);
      throw new Crash();
    }
    return gone;
  }

  #dieWithFilesAside(keys: readonly string[], guard: DiscardGuard): never {
    for (const key of keys) {
      const trash = join(this.#root, guard.trashKey(key));
      mkdirSync(dirname(trash), { recursive: true });
      try {
        renameSync(join(this.#root, key), trash);
      } catch {
        // there were no bytes
      }
    }
    throw new Crash();
  }

  #happens(probability: number): boolean {
    return this.#chance() < probability;
  }

  #mayCrash(): void {
    if (this.#happens(this.faults.crash)) throw new Crash();
  }

  async #pause(): Promise<void> {
    if (this.#happens(this.faults.pause)) await sleep(this.#chance() * this.faults.longestPauseMs);
  }
}
