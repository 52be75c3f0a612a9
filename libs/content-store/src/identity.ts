import { AppError } from '@entrepot/errors/app-error';
import type { ContentStore } from './content-store.ts';
import { identityKey } from './layout.ts';

const longestIdentity = 4096;
const uuidGrammar = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whose storage it is. The database holds the same instance and epoch, or one of the two is not the other's. */
export interface StorageIdentity {
  /** UUID, chosen when the instance was made. */
  readonly instance: string;
  /** Version of the key space. */
  readonly format: 1;
  /** Raised by every restore, from 1. */
  readonly epoch: number;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isIdentity(value: unknown): value is StorageIdentity {
  if (typeof value !== 'object' || value === null) return false;
  if (!('instance' in value && 'format' in value && 'epoch' in value)) return false;
  const { instance, format, epoch } = value;
  const isEpoch = Number.isSafeInteger(epoch) && Number(epoch) >= 1;
  return typeof instance === 'string' && uuidGrammar.test(instance) && format === 1 && isEpoch;
}

/**
 * The identity of the storage; `undefined` when it has none: it is new, or not the one that was meant.
 *
 * @throws AppError `STORAGE_FAILED` when the file is there and is not an identity of a format known here.
 */
export async function readIdentity(store: ContentStore): Promise<StorageIdentity | undefined> {
  const chunks: Buffer[] = [];
  const found = await store.driver.read(identityKey, { start: 0, end: longestIdentity }, (chunk) => {
    chunks.push(Buffer.from(chunk));
  });
  if (!found) return undefined;
  const identity = parseJson(Buffer.concat(chunks).toString());
  if (isIdentity(identity)) return identity;
  throw new AppError(
    'STORAGE_FAILED',
    `${identityKey} is damaged, or was written by a newer version: restore it from a backup, or upgrade`,
  );
}

/** Writes the identity, durable when it resolves. */
export async function writeIdentity(store: ContentStore, identity: StorageIdentity): Promise<void> {
  const { instance, format, epoch } = identity;
  await store.driver.put(identityKey, Buffer.from(`${JSON.stringify({ instance, format, epoch })}\n`));
}
