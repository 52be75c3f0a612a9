/** Bytes of one read: what a socket takes at once without copies in between (docs/adr on blob reads). */
export const readBufferBytes = 256 * 1024;

const mostIdle = 64;
const idle: Buffer[] = [];

/** A buffer of {@link readBufferBytes}, used before or new. Its contents are whatever was read last. */
export function takeReadBuffer(): Buffer {
  return idle.pop() ?? Buffer.allocUnsafeSlow(readBufferBytes);
}

/** Gives a buffer back. Nobody may hold a view of it any longer. At most 16 MiB are kept. */
export function returnReadBuffer(buffer: Buffer): void {
  if (idle.length < mostIdle) idle.push(buffer);
}
