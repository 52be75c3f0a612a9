import type { DriverUnderTest } from '../conformance/driver-under-test.ts';
import { describeDriver } from '../conformance.ts';
import { MemoryDriver } from './memory-driver.ts';

async function make(maxBytes?: number): Promise<DriverUnderTest> {
  const driver = new MemoryDriver(maxBytes === undefined ? {} : { maxBytes });
  const leftovers = async (): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of driver.list('')) keys.push(key);
    return keys;
  };
  return { driver, leftovers, destroy: async () => {} };
}

describeDriver('memory', { make: () => make(), makeSmall: () => make(1024 * 1024) });
