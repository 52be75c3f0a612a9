import { closeSync, ftruncateSync, openSync, readFileSync, readSync } from 'node:fs';
import { totalmem } from 'node:os';

const mebibyte = 1024 * 1024;
/** Free memory that is left: the kernel begins to take pages back from its cache above this. */
const leftFree = 200 * mebibyte;

/** What is filled, in bytes. */
export interface Memory {
  /** All of it. */
  readonly total: number;
  /** What is free now; 0 where that is not known. */
  free(): number;
}

const memoryOfMachine: Memory = { total: totalmem(), free: freeMemory };

/**
 * Fills the free memory with page cache that costs nothing to give up: holes of a sparse file, read in order. On a
 * virtual machine a page that nobody used lately has to be brought by the host, and the first write to it costs the
 * guest ten times what it costs otherwise. It hits every server alike and hides what they differ in.
 */
export class WarmMemory {
  readonly #memory: Memory;
  readonly #descriptor: number;
  readonly #buffer = Buffer.allocUnsafe(mebibyte);
  #offset = 0;

  /** `folder`: where the file may lie; it takes no room. `size`: its bytes, or the half, and so on, where that fails. */
  constructor(folder: string, memory: Memory = memoryOfMachine, size = 1024 ** 4) {
    this.#memory = memory;
    this.#descriptor = openSync(`${folder}/holes`, 'w+', 0o600);
    for (let bytes = size; bytes >= mebibyte && !this.#hasLength(bytes);) bytes = Math.floor(bytes / 2);
  }

  /**
   * Takes seconds for each gigabyte that is free. Does nothing where the kernel does not say how much that is. Returns
   * the bytes read: no more than the memory has, since a limit of a container may free them again as they come.
   */
  fill(): number {
    let filled = 0;
    while (filled < this.#memory.total && this.#memory.free() > leftFree) {
      const bytes = this.#readOn();
      if (bytes === 0) break;
      filled += bytes;
    }
    return filled;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #hasLength(bytes: number): boolean {
    try {
      ftruncateSync(this.#descriptor, bytes);
      return true;
    } catch {
      return false;
    }
  }

  /** Up to 64 MiB of holes, from the first one again when they end. Returns the bytes: 0 when there are none. */
  #readOn(): number {
    let filled = 0;
    for (let step = 0; step < 64; step++) {
      const bytes = readSync(this.#descriptor, this.#buffer, 0, mebibyte, this.#offset);
      this.#offset = bytes === 0 ? 0 : this.#offset + bytes;
      filled += bytes;
    }
    return filled;
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
