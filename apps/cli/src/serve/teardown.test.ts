import { createLogger } from '@entrepot/telemetry/logger';
import { describe, expect, it } from 'vitest';
import { Teardown } from './teardown.ts';

const log = createLogger({ level: 'silent' });

describe('Teardown', () => {
  it('stops the last first, each after the one before it', async () => {
    const order: string[] = [];
    const teardown = new Teardown(log);
    for (const name of ['database', 'apps', 'port']) {
      teardown.add(name, 1_000, async () => {
        await Promise.resolve();
        order.push(name);
      });
    }
    await teardown.run();
    expect(order).toEqual(['port', 'apps', 'database']);
  });

  it('goes on after a step that fails or never ends', async () => {
    const teardown = new Teardown(log);
    let isStopped = false;
    teardown.add('last', 1_000, async () => void (isStopped = true));
    teardown.add('stuck', 20, () => new Promise(() => undefined));
    teardown.add('broken', 20, () => Promise.reject(new Error('no')));
    await teardown.run();
    expect(isStopped).toBe(true);
  });
});
