import type { LoadProcess } from '../load/load-process.ts';
import type { LoadResult } from '../load/plan.ts';
import type { Entrepot } from '../servers/entrepot.ts';
import type { Server } from '../servers/server.ts';
import type { Content } from './content.ts';

/** How much work a run does. */
export interface Scale {
  readonly rounds: number;
  /** Seconds of load in a round of small operations, and before the first round. */
  readonly seconds: number;
  readonly warmUp: number;
  /** Manifests in the case of many keys, and the repositories that they lie in. */
  readonly keys: number;
  readonly repositories: number;
  /** Tags in the repository that has many. */
  readonly tags: number;
  /** Bytes of the blobs that are large. */
  readonly large: number;
  /** Bytes of the one blob whose upload is watched for memory. */
  readonly huge: number;
}

/** What cases work with. */
export interface Bench {
  readonly entrepot: Entrepot;
  readonly peers: readonly Server[];
  readonly load: LoadProcess;
  readonly content: Content;
  readonly scale: Scale;
}

/** One side of a comparison. */
export interface Contender {
  readonly name: string;
  readonly server: Server;
  readonly run: (seconds: number) => Promise<LoadResult>;
}

/** A ratio that must be reached: the other side's figure by the first one's for CPU, the reverse for the rate. */
export interface RatioTarget {
  readonly metric: 'cpu' | 'rate';
  readonly against: string;
  readonly atLeast: number;
}

/** One line of the comparison. */
export interface Case {
  readonly id: string;
  readonly title: string;
  readonly targets: readonly RatioTarget[];
  /** Rounds are no more than this where each takes long. */
  readonly maxRounds?: number;
  /** Prepares the content and returns the sides; the first one is the one that the targets are about. */
  contenders(bench: Bench): Promise<Contender[]>;
  /** Undoes what `contenders` changed in the servers. */
  restore?(bench: Bench): Promise<void>;
}

/** A target against distribution 3.1.2. */
export function against3(metric: 'cpu' | 'rate', atLeast: number): RatioTarget {
  return { metric, against: 'distribution', atLeast };
}

/** The same work on every server. */
export async function onServers(
  servers: readonly Server[],
  prepare: (server: Server) => Promise<Contender['run']>,
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const server of servers) contenders.push({ name: server.name, server, run: await prepare(server) });
  return contenders;
}
