import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { S3Options } from './s3-options.ts';

/** Whether bodies carry a checksum; servers older than 2025 may refuse one. */
export type ChecksumMode = 'WHEN_SUPPORTED' | 'WHEN_REQUIRED';

const attempts = 5;
const connectMs = 5_000;
/** Without a byte in either direction; copies of gigabytes answer late. */
const silenceMs = 120_000;

/**
 * A client of the bucket's server: five attempts with growing, jittered pauses, and an end to what hangs. How many
 * requests run at once is for its callers to bound.
 */
export function createClient(options: S3Options, checksums: ChecksumMode): S3Client {
  const { region, endpoint, pathStyle, credentials } = options;
  const config: S3ClientConfig = {
    ...(region === undefined && endpoint !== undefined ? { region: 'us-east-1' } : {}),
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: pathStyle === true,
    followRegionRedirects: false,
    maxAttempts: attempts,
    retryMode: 'standard',
    requestChecksumCalculation: checksums,
    // whoever reads a blob compares its digest
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectMs,
      socketTimeout: silenceMs,
      // of those requests that say how long they wait for an answer
      throwOnRequestTimeout: true,
      httpAgent: new HttpAgent({ keepAlive: true, maxSockets: Infinity }),
      httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: Infinity }),
    },
  };
  const client = new S3Client(config);
  leaveBodiesUnsigned(client);
  return client;
}

interface WireRequest {
  readonly protocol: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

function isWireRequest(value: unknown): value is WireRequest {
  return typeof value === 'object' && value !== null && 'headers' in value && 'protocol' in value;
}

/**
 * Bytes that TLS or a signed checksum protects are not hashed once more for the signature, which would cost twice
 * what all the rest of sending them does.
 */
function leaveBodiesUnsigned(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (call) => {
      const { request } = call as { request?: unknown };
      if (isWireRequest(request) && Buffer.isBuffer(request.body) && isProtected(request)) {
        request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      }
      return next(call);
    },
    { step: 'build', priority: 'low', name: 'leaveBodiesUnsigned' },
  );
}

function isProtected({ protocol, headers }: WireRequest): boolean {
  return protocol === 'https:' || headers['x-amz-checksum-crc32'] !== undefined;
}
