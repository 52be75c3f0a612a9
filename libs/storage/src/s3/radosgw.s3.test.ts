import { afterAll, beforeAll, describe } from 'vitest';
import { describeDriver } from '../conformance.ts';
import { describeS3 } from '../testing/describe-s3.ts';
import { radosgwPrograms, startRadosgw, type Radosgw } from '../testing/radosgw.ts';
import { S3UnderTest } from '../testing/s3-under-test.ts';
import { missingPrograms } from '../testing/server-process.ts';

const missing = missingPrograms(radosgwPrograms);

describe.skipIf(missing.length > 0)(`S3 on Ceph ${missing.join(', ')}`, () => {
  let server: Radosgw;
  let bucket: S3UnderTest;

  beforeAll(async () => {
    server = await startRadosgw();
    bucket = await S3UnderTest.open(server);
  });
  afterAll(() => server?.stop());

  describeDriver('S3', {
    make: async () => bucket.make(),
    makeSmall: async () => (await S3UnderTest.open(await server.asLimitedUser(1024 * 1024))).make(),
  });
  describeS3(() => bucket);
});
