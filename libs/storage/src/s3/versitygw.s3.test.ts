import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe } from 'vitest';
import type { DriverUnderTest } from '../conformance/driver-under-test.ts';
import { describeDriver } from '../conformance.ts';
import { describeS3 } from '../testing/describe-s3.ts';
import type { ObjectServer } from '../testing/object-server.ts';
import { S3UnderTest } from '../testing/s3-under-test.ts';
import { missingPrograms } from '../testing/server-process.ts';
import { startVersitygw, versitygwPrograms } from '../testing/versitygw.ts';

const run = promisify(execFile);
const missing = missingPrograms(versitygwPrograms);

describe.skipIf(missing.length > 0)(`S3 on versitygw ${missing.join(', ')}`, () => {
  let server: ObjectServer;
  let bucket: S3UnderTest;

  beforeAll(async () => {
    server = await startVersitygw();
    bucket = await S3UnderTest.open(server);
  });
  afterAll(() => server.stop());

  const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
  describeDriver('S3', {
    make: async () => bucket.make(),
    makeSmall: isRoot ? makeSmall : { unavailable: 'a tmpfs can be mounted by root on Linux only' },
  });
  describeS3(() => bucket);
});

/** A server whose disk has room for 1 MiB. */
async function makeSmall(): Promise<DriverUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'entrepot-small-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', root]);
  const server = await startVersitygw(root);
  const small = (await S3UnderTest.open(server)).make();
  return {
    ...small,
    destroy: async () => {
      await server.stop();
      await run('umount', [root]);
      await rm(root, { recursive: true });
    },
  };
}
