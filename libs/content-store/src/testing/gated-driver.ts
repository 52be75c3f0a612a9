import { MemoryDriver } from '@entrepot/storage/memory/memory-driver';

/** A storage that is behind, for tests: its appenders take nothing before it is opened. */
export function gatedDriver(): { driver: MemoryDriver; open: () => void } {
  const driver = new MemoryDriver();
  const gate = Promise.withResolvers<void>();
  const create = driver.create.bind(driver);
  driver.create = async (key) => {
    const appender = await create(key);
    const append = appender.append.bind(appender);
    appender.append = async (chunks) => {
      await gate.promise;
      return append(chunks);
    };
    return appender;
  };
  return { driver, open: gate.resolve };
}
