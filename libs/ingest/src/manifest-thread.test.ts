import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';

it('ends the thread when a question cannot be read', async () => {
  const thread = new Worker(new URL('manifest-thread.ts', import.meta.url), {
    resourceLimits: { stackSizeMb: 0.5 },
  });
  let nested: unknown[] = [];
  for (let depth = 0; depth < 3_000; depth++) nested = [nested];
  const ended = once(thread, 'error');
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  thread.postMessage(nested);
  const [error] = await ended;
  expect(error).toBeInstanceOf(RangeError);
});
