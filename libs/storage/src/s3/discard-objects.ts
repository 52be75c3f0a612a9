import type { DiscardGuard } from '../driver.ts';
import { inParallel } from './in-parallel.ts';
import type { S3Connection } from './s3-connection.ts';

/** An answer that is older than this says nothing any more: the process was paused. */
const freshMs = 5_000;

/**
 * Removes what `guard` confirms, at once after it did, or not at all; where the server compares ETags, only what was
 * there before it was asked. Returns the keys whose objects are gone by this call.
 */
export async function discardObjects(
  { bucket, capabilities }: S3Connection,
  keys: readonly string[],
  guard: DiscardGuard,
): Promise<ReadonlySet<string>> {
  const etags = new Map<string, string>();
  await inParallel(keys, async (key) => {
    const etag = await bucket.findEtag(key);
    if (etag !== undefined) etags.set(key, etag);
  });
  const asked = performance.now();
  const confirmed = await guard.confirm(keys);
  const going = [...etags].filter(([key]) => confirmed.has(key));
  const gone = new Set<string>();
  for (let at = 0; at < going.length; at += bucket.keysAtOnce) {
    if (performance.now() - asked > freshMs) break;
    const batch = new Map(going.slice(at, at + bucket.keysAtOnce));
    for (const key of await bucket.removeUnchanged(batch, capabilities)) gone.add(key);
  }
  return gone;
}
