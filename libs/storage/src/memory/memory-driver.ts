import { AppError } from '@entrepot/errors/app-error';
import type {
  Appender,
  AppenderState,
  ByteRange,
  ChunkConsumer,
  DiscardGuard,
  ObjectEntry,
  ObjectLocation,
  ObjectStat,
  PublishResult,
  ResumePoint,
  StorageDriver,
} from '../driver.ts';
import { assertKeyPrefix, assertStorageKey } from '../storage-key.ts';

const chunkBytes = 256 * 1024;

/** Bytes at a key. Those of an appender grow; those of an object do not. */
interface MemoryObject {
  readonly chunks: Buffer[];
  size: number;
  modifiedAt: Date;
}

function newObject(chunks: Buffer[] = [], size = 0): MemoryObject {
  return { chunks, size, modifiedAt: new Date() };
}

function bytesOf(object: MemoryObject): Buffer {
  return Buffer.concat(object.chunks, object.size);
}

/** Hands copies over, and wipes each: a consumer that keeps what it was lent shows it in a test. */
async function lend(bytes: Buffer, consume: ChunkConsumer): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = Buffer.from(bytes.subarray(at, at + chunkBytes));
    await consume(chunk);
    chunk.fill(0xdb);
  }
}

/** The objects of one driver and the room that they have. */
class MemoryObjects extends Map<string, MemoryObject> {
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    super();
    this.#maxBytes = maxBytes;
  }

  assertRoom(bytes: number): void {
    const used = [...this.values()].reduce((sum, object) => sum + object.size, 0);
    if (used + bytes <= this.#maxBytes) return;
    throw new AppError('STORAGE_FULL', `the memory driver has no room for ${bytes} bytes: raise maxBytes`);
  }
}

/** Adds to an object of its own, which it alone holds once the key is removed. */
class MemoryAppender implements Appender {
  readonly #objects: MemoryObjects;
  readonly #key: string;
  readonly #object = newObject();
  #hasEnded = false;

  constructor(objects: MemoryObjects, key: string) {
    this.#objects = objects;
    this.#key = key;
  }

  get size(): number {
    return this.#object.size;
  }

  async append(chunks: readonly Buffer[]): Promise<void> {
    this.#refuseWhenEnded();
    const bytes = Buffer.concat(chunks);
    this.#objects.assertRoom(bytes.length);
    this.#object.chunks.push(bytes);
    this.#object.size += bytes.length;
    this.#objects.set(this.#key, this.#object);
  }

  async flush(): Promise<AppenderState> {
    this.#refuseWhenEnded();
    this.#objects.set(this.#key, this.#object);
    return {};
  }

  async readBack(consume: ChunkConsumer): Promise<void> {
    await lend(bytesOf(this.#object), consume);
  }

  async publish(key: string, options: { replace?: boolean } = {}): Promise<PublishResult> {
    assertStorageKey(key);
    this.#refuseWhenEnded();
    const isFree = options.replace === true || !this.#objects.has(key);
    if (isFree) this.#objects.set(key, newObject(this.#object.chunks, this.#object.size));
    await this.discard();
    return isFree ? 'created' : 'exists';
  }

  async discard(): Promise<void> {
    this.#hasEnded = true;
    if (this.#objects.get(this.#key) === this.#object) this.#objects.delete(this.#key);
  }

  async close(): Promise<void> {
    this.#hasEnded = true;
  }

  #refuseWhenEnded(): void {
    if (this.#hasEnded) throw new AppError('STORAGE_FAILED', `the appender at ${this.#key} has ended`);
  }
}

/** Objects in the memory of this process, for tests of what is built on a driver: nothing survives it. */
export class MemoryDriver implements StorageDriver {
  readonly name = 'memory';
  readonly #objects: MemoryObjects;

  /** `maxBytes`: room for all objects together. */
  constructor(options: { readonly maxBytes?: number } = {}) {
    this.#objects = new MemoryObjects(options.maxBytes ?? Number.POSITIVE_INFINITY);
  }

  async probe(): Promise<void> {}

  async stat(key: string): Promise<ObjectStat | undefined> {
    assertStorageKey(key);
    const object = this.#objects.get(key);
    return object && { size: object.size, modifiedAt: object.modifiedAt };
  }

  async read(key: string, range: ByteRange | undefined, consume: ChunkConsumer): Promise<boolean> {
    assertStorageKey(key);
    const object = this.#objects.get(key);
    if (object === undefined) return false;
    await lend(bytesOf(object).subarray(range?.start ?? 0, range?.end), consume);
    return true;
  }

  async locate(key: string): Promise<ObjectLocation | undefined> {
    assertStorageKey(key);
    return undefined;
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    assertStorageKey(key);
    this.#objects.assertRoom(bytes.length);
    this.#objects.set(key, newObject([Buffer.from(bytes)], bytes.length));
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      assertStorageKey(key);
      this.#objects.delete(key);
    }
  }

  async discard(keys: readonly string[], guard: DiscardGuard): Promise<ReadonlySet<string>> {
    const aside = new Map<string, MemoryObject>();
    for (const key of keys) {
      assertStorageKey(key);
      const object = this.#objects.get(key);
      if (object !== undefined) aside.set(key, object);
      this.#objects.delete(key);
    }
    let confirmed: ReadonlySet<string> = new Set();
    try {
      if (keys.length > 0) confirmed = await guard.confirm(keys);
    } finally {
      for (const [key, object] of aside) {
        if (!confirmed.has(key) && !this.#objects.has(key)) this.#objects.set(key, object);
      }
    }
    return new Set([...aside.keys()].filter((key) => confirmed.has(key)));
  }

  async removeBelow(directory: string): Promise<void> {
    assertStorageKey(directory);
    for (const [key] of Array.from(this.#objects)) {
      if (key.startsWith(`${directory}/`)) this.#objects.delete(key);
    }
  }

  async *list(prefix: string): AsyncGenerator<ObjectEntry> {
    assertKeyPrefix(prefix);
    for (const [key, { size, modifiedAt }] of Array.from(this.#objects)) {
      if (key.startsWith(prefix)) yield { key, size, modifiedAt };
    }
  }

  async create(key: string): Promise<Appender> {
    assertStorageKey(key);
    return new MemoryAppender(this.#objects, key);
  }

  async resume(key: string, from: ResumePoint, prefix: ChunkConsumer): Promise<Appender | undefined> {
    assertStorageKey(key);
    assertStorageKey(from.key);
    const object = this.#objects.get(from.key);
    if (object === undefined || object.size < from.size) return undefined;
    const bytes = bytesOf(object).subarray(0, from.size);
    const appender = new MemoryAppender(this.#objects, key);
    await appender.append([bytes]);
    await lend(bytes, prefix);
    return appender;
  }
}
