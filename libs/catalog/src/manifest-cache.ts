import type { Digest } from '@entrepot/oci/digest';

/**
 * Bytes by digest, bounded in bytes, least recently used first out. Only bytes that hash to their key go in, so
 * nothing ever has to be invalidated.
 */
export class ManifestCache {
  readonly #limit: number;
  readonly #entries = new Map<Digest, Buffer>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get(digest: Digest): Buffer | undefined {
    const found = this.#entries.get(digest);
    if (found !== undefined && this.#bytes > this.#limit / 2) {
      // the order of a Map is that of insertion: only worth keeping once something may have to go
      this.#entries.delete(digest);
      this.#entries.set(digest, found);
    }
    return found;
  }

  set(digest: Digest, bytes: Buffer): void {
    if (bytes.length > this.#limit / 8 || this.#entries.has(digest)) return;
    this.#entries.set(digest, bytes);
    this.#bytes += bytes.length;
    for (const [oldest, evicted] of this.#entries) {
      if (this.#bytes <= this.#limit) break;
      this.#entries.delete(oldest);
      this.#bytes -= evicted.length;
    }
  }
}
