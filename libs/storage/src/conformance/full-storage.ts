import { expect, it } from 'vitest';
import { expectFailure, mebibyte, pattern, readAll, type DriverConformance } from './driver-under-test.ts';

/** The storage has no room, and then has room again. */
export function describeFullStorage({ makeSmall }: DriverConformance): void {
  const isPossible = typeof makeSmall === 'function';
  const why = isPossible ? '' : ` (not tried here: ${makeSmall.unavailable})`;

  it.skipIf(!isPossible)(`says STORAGE_FULL, and works again when there is room${why}`, async () => {
    if (!isPossible) return;
    const small = await makeSmall();
    const { driver } = small;
    await driver.probe();
    await driver.put('kept', pattern(1000));
    const appender = await driver.create('staging/1');
    await appender.append([pattern(100_000)]);
    // some keep what is appended in memory until it must be durable
    const grow = async (): Promise<unknown> => {
      await appender.append([pattern(2 * mebibyte)]);
      return appender.flush();
    };
    await expectFailure(grow(), 'STORAGE_FULL');
    await appender.discard();
    await expectFailure(driver.put('large', pattern(2 * mebibyte)), 'STORAGE_FULL');
    expect((await readAll(driver, 'kept'))?.equals(pattern(1000))).toBe(true);
    const again = await driver.create('staging/2');
    await again.append([pattern(500_000)]);
    expect(await again.publish('object')).toBe('created');
    await driver.remove(['kept', 'object']);
    const left = await small.leftovers();
    await small.destroy();
    expect(left).toEqual([]);
  });
}
