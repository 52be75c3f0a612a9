import { afterEach, beforeEach, describe, expect } from 'vitest';
import { describeAppending } from './conformance/appending.ts';
import { describeDiscarding } from './conformance/discarding.ts';
import type { DriverConformance, DriverUnderTest } from './conformance/driver-under-test.ts';
import { describeFullStorage } from './conformance/full-storage.ts';
import { describeListing } from './conformance/listing.ts';
import { describeObjects } from './conformance/objects.ts';
import { describeResuming } from './conformance/resuming.ts';
import type { StorageDriver } from './driver.ts';

/**
 * What every driver has to do, in the words of driver.ts. Each test removes what it made; one that leaves anything
 * behind fails.
 */
export function describeDriver(name: string, conformance: DriverConformance): void {
  describe(`${name} driver`, () => {
    let made: DriverUnderTest;
    const current = (): StorageDriver => made.driver;

    beforeEach(async () => {
      made = await conformance.make();
      await made.driver.probe();
    });

    afterEach(async () => {
      const left = await made.leftovers();
      await made.destroy();
      expect(left, 'left behind').toEqual([]);
    });

    describeObjects(current);
    describeDiscarding(current);
    describeListing(current);
    describeAppending(current);
    describeResuming(current);
    describeFullStorage(conformance);
  });
}
