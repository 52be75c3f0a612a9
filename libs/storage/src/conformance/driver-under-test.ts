import { isAppError } from '@entrepot/errors/app-error';
import { expect } from 'vitest';
import type { ByteRange, StorageDriver } from '../driver.ts';

/** A driver on storage of its own. */
export interface DriverUnderTest {
  readonly driver: StorageDriver;
  /** Names of everything that is stored, half-written things included. */
  leftovers(): Promise<readonly string[]>;
  destroy(): Promise<void>;
}

/** How the suite gets its drivers. */
export interface DriverConformance {
  make(): Promise<DriverUnderTest>;
  /** A driver with room for 1 MiB, or the reason why there is none here. */
  readonly makeSmall: (() => Promise<DriverUnderTest>) | { readonly unavailable: string };
}

/** The driver of the running test. */
export type CurrentDriver = () => StorageDriver;

/** In bytes. */
export const mebibyte = 1024 * 1024;

/** Bytes that differ at every position that a mistake would mix up. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** The bytes that a read hands over; `undefined` when there is no object. */
export async function readAll(
  driver: StorageDriver,
  key: string,
  range?: ByteRange,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  const found = await driver.read(key, range, (chunk) => {
    chunks.push(Buffer.from(chunk));
  });
  return found ? Buffer.concat(chunks) : undefined;
}

/** The keys of a listing, sorted. */
export async function listKeys(driver: StorageDriver, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const entry of driver.list(prefix)) keys.push(entry.key);
  return keys.toSorted();
}

/** Expects an AppError of that code. */
export async function expectFailure(
  work: Promise<unknown>,
  code: 'STORAGE_FAILED' | 'STORAGE_FULL',
): Promise<void> {
  const outcome = await work.then(
    () => 'resolved',
    (error: unknown) => error,
  );
  expect(outcome).toSatisfy((error) => isAppError(error, code));
}
