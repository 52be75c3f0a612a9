import { closeSync, ftruncateSync, openSync, readFileSync, readSync } from 'node:fs';
import { totalmem } from 'node:os';

const mebibyte = 1024 * 1024;
/** Free memory that is left: the kernel begins to take pages back from its cache above this. */
const leftFree = 200 * mebibyte;

/**
 * Fills the free memory with page cache that costs nothing to give up: holes of a sparse file, read in order. On a
 * virtual machine a page that nobody used lately has to be brought by the host, and the first write to it costs the
 * guest ten times what it costs otherwise. It hits every server alike and hides what they differ in.
 */
export class WarmMemory {
  readonly #descriptor: number;
  readonly #buffer = Buffer.allocUnsafe(mebibyte);
  #offset = 0;

  /** `folder`: where the file may lie; it takes no room. */
  constructor(folder: string) {
    this.#descriptor = openSync(`${folder}/holes`, 'w+', 0o600);
    ftruncateSync(this.#descriptor, 1024 ** 4);
  }

  /** Takes seconds for each gigabyte that is free. Does nothing where the kernel does not say how much that is. */
  fill(): void {
    // where a limit of a container frees them again, the machine never fills
    const end = this.#offset + totalmem();
    while (freeMemory() > leftFree && this.#offset < end) {
      for (let step = 0; step < 64; step++) {
        this.#offset += readSync(this.#descriptor, this.#buffer, 0, mebibyte, this.#offset);
      }
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function freeMemory(): number {
  try {
    const [, kibibytes] = /^MemFree:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
