import { HttpConnection } from './http-connection.ts';
import type { LoadResult, Plan, Pushed } from './plan.ts';
import { blobPusher } from './push-blobs.ts';
import { manifestPusher } from './push-manifests.ts';
import { reader } from './read.ts';

/** Does operation number `index` on a connection; throws when an answer is not the right one. */
export type Operation = (connection: HttpConnection, index: number) => Promise<Pushed | undefined>;

/** Does what a plan says and measures each operation. */
export async function runPlan(plan: Plan): Promise<LoadResult> {
  const operation = operationOf(plan);
  const connections = await Promise.all(
    Array.from({ length: plan.connections }, () => HttpConnection.open(plan.port)),
  );
  try {
    return await measure(plan, operation, connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function measure(
  plan: Plan,
  operation: Operation,
  connections: readonly HttpConnection[],
): Promise<LoadResult> {
  const latencies: number[] = [];
  const pushed: Pushed[] = [];
  const start = performance.now();
  const until = start + (plan.seconds ?? Infinity) * 1000;
  const most = plan.operations ?? Infinity;
  let next = 0;
  let before = start;
  const work = async (connection: HttpConnection) => {
    while (next < most && before < until) {
      const began = performance.now();
      const result = await operation(connection, next++);
      before = performance.now();
      latencies.push(before - began);
      if (result !== undefined) pushed.push(result);
    }
  };
  await Promise.all(connections.map(work));
  return {
    operations: latencies.length,
    seconds: (before - start) / 1000,
    ...percentiles(latencies),
    pushed,
  };
}

function operationOf(plan: Plan): Operation {
  switch (plan.kind) {
    case 'read':
      return reader(plan);
    case 'push-blobs':
      return blobPusher(plan);
    case 'push-manifests':
      return manifestPusher(plan);
  }
}

function percentiles(milliseconds: number[]): { p50: number; p99: number } {
  const sorted = Float64Array.from(milliseconds).toSorted();
  const at = (part: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) / 1000;
  return { p50: at(0.5), p99: at(0.99) };
}
