import type { Readable } from 'node:stream';
import type { BlobWriter } from '@entrepot/content-store/blob-writer';
import { receiveBody } from '@entrepot/content-store/receive-body';

/** The bytes of one request. `length`: its Content-Length. `start`: where its Content-Range begins. */
export interface UploadBody {
  readonly stream: Readable;
  readonly length: number | undefined;
  readonly start: number | undefined;
}

/** Takes the body into the writer, which hashes it; throws what `receiveBody` throws. */
export async function fillFrom(writer: BlobWriter, body: UploadBody, idleMs = 60_000): Promise<void> {
  await receiveBody(body.stream, writer, {
    idleMs,
    minBytesPerSecond: 1024,
    ...(body.length === undefined ? {} : { expectedBytes: body.length }),
  });
}
