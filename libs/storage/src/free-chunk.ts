/**
 * Gives a chunk's memory back now. Each chunk of a body is an ArrayBuffer of its own, and left to the collector every
 * 30 MiB of them make it mark the whole heap: half of the CPU of an upload. Slices of a shared pool are left alone.
 */
export function freeChunk({ buffer, byteLength }: Buffer): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteLength) return;
  try {
    buffer.transfer(0);
  } catch {
    // memory that can not be detached, of a WebAssembly for one, is left to the collector
  }
}
