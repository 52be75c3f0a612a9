import { defineConfig } from 'vitest/config';

// Vitest hands them to node too, for require() as well: 'import' or 'module' here would break CommonJS packages
const conditions = ['entrepot-source', 'node'];
const skipped = ['**/node_modules/**', '**/dist/**', '.tools/**'];
const withDatabase = '**/*.db.test.ts';
const endToEnd = '**/*.e2e.test.ts';
const withObjectServer = '**/*.s3.test.ts';

export default defineConfig({
  // tests read the sources of our packages: nothing has to be built first
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    restoreMocks: true,
    unstubEnvs: true,
    // two cores are the smallest machine that has to run all of it
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{libs,apps,tools,bench}/**/*.test.ts'],
          exclude: [...skipped, withDatabase, withObjectServer, endToEnd],
          // a bound for what hangs: the drivers' tests wait for a real disk, which others may keep busy
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'db',
          include: [`{libs,apps}/${withDatabase}`],
          exclude: skipped,
          globalSetup: ['libs/database/src/testing/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          // what runs on the database of an operator, on the oldest one that may be brought
          name: 'db-oldest',
          include: [`{libs,apps}/${withDatabase}`],
          exclude: [...skipped, 'libs/embedded-postgres/**'],
          globalSetup: ['libs/database/src/testing/oldest-server-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          // servers of S3, started by the tests
          name: 's3',
          include: [`libs/${withObjectServer}`],
          exclude: skipped,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: [`{e2e,apps}/${endToEnd}`],
          exclude: skipped,
          globalSetup: ['e2e/build-product.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
