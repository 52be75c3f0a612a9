import { randomUUID } from 'node:crypto';
import type { DriverUnderTest } from '../conformance/driver-under-test.ts';
import { S3Driver } from '../s3/s3-driver.ts';
import type { S3Options } from '../s3/s3-options.ts';
import { listBucket, makeBucket, type ObjectServer } from './object-server.ts';

/** Drivers on one bucket of a server, each below a prefix of its own. */
export class S3UnderTest {
  readonly #server: ObjectServer;
  readonly #options: S3Options;

  private constructor(server: ObjectServer, options: S3Options) {
    this.#server = server;
    this.#options = options;
  }

  static async open(server: ObjectServer): Promise<S3UnderTest> {
    return new S3UnderTest(server, await makeBucket(server));
  }

  /** A prefix of its own, and the options of drivers on it. */
  newPlace(options: Partial<S3Options> = {}): S3Options {
    return { ...this.#options, prefix: `${randomUUID()}/`, ...options };
  }

  make(options: Partial<S3Options> = {}): DriverUnderTest {
    const place = this.newPlace(options);
    return {
      driver: new S3Driver(place),
      leftovers: () => this.listAll(place),
      destroy: async () => {},
    };
  }

  /** Everything below the prefix of `place`: objects, and multipart uploads that are not ended. */
  listAll({ bucket, prefix = '' }: S3Options): Promise<string[]> {
    return listBucket(this.#server, bucket, prefix);
  }
}
