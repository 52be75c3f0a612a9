import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Logger } from '@entrepot/telemetry/logger';

interface Collection {
  readonly type: 'major';
  readonly execution: 'async';
  /** `last-resort` also gives the pages back that a collection leaves empty. */
  readonly flavor: 'last-resort';
}

type Collect = (how: Collection) => Promise<void>;

/**
 * Gives back to the system what only the start needed, about 50 MB: V8 keeps the pages of a young generation that has
 * once grown. It grows again under load. Holds the event loop for about a tenth of a second. Never rejects: where V8
 * cannot be asked the memory stays, and the product serves as well.
 */
export async function trimMemory(log: Logger): Promise<void> {
  try {
    await findCollect()?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
  } catch (error) {
    log.warn({ err: error }, 'the memory of the start is not given back');
  }
}

function findCollect(): Collect | undefined {
  setFlagsFromString('--expose-gc');
  try {
    // what V8 gives a context that is made while the flag is set, where it heeds flags that late
    const collect: unknown = runInNewContext('globalThis.gc');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return typeof collect === 'function' ? (collect as Collect) : undefined;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
