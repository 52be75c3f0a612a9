import type { Bench, Case, Contender, RatioTarget } from './cases/case.ts';
import { spreadOf, type Spread } from './report/spread.ts';

/** One side in one round. */
export interface Round {
  /** Processor seconds of all processes of the server for one operation. */
  readonly cpu: number;
  /** Operations a second. */
  readonly rate: number;
  /** Seconds. */
  readonly p50: number;
  readonly p99: number;
  /** Bytes. */
  readonly memory: number;
}

/** What a case showed. */
export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly sides: readonly { readonly name: string; readonly rounds: readonly Round[] }[];
  readonly ratios: readonly Ratio[];
}

/** The first side compared with another one, round by round: more is better for the first. */
export interface Ratio {
  readonly metric: RatioTarget['metric'];
  readonly against: string;
  readonly spread: Spread;
  /** What the median must reach; unset where nothing is promised. */
  readonly atLeast: number | undefined;
}

/** Runs the sides of a case in turns: all of them in each round, each round begun by another one. */
export async function compare(bench: Bench, one: Case): Promise<CaseResult> {
  try {
    const contenders = await one.contenders(bench);
    for (const contender of contenders) await measure(contender, bench.scale.warmUp);
    const count = Math.min(bench.scale.rounds, one.maxRounds ?? Infinity);
    const sides = contenders.map((contender) => ({ name: contender.name, contender, rounds: [] as Round[] }));
    for (let round = 0; round < count; round++) {
      const first = round % sides.length;
      for (const side of [...sides.slice(first), ...sides.slice(0, first)]) {
        side.rounds.push(await measure(side.contender, bench.scale.seconds));
      }
    }
    const shown = sides.map(({ name, rounds }) => ({ name, rounds }));
    return { id: one.id, title: one.title, sides: shown, ratios: ratiosOf(shown, one.targets) };
  } finally {
    await one.restore?.(bench);
  }
}

async function measure({ server, run }: Contender, seconds: number): Promise<Round> {
  const before = server.usage();
  const { operations, seconds: taken, p50, p99 } = await run(seconds);
  await server.settle();
  const after = server.usage();
  const cpu = (after.cpuSeconds - before.cpuSeconds) / operations;
  return { cpu, rate: operations / taken, p50, p99, memory: after.memory };
}

function ratiosOf(sides: CaseResult['sides'], targets: readonly RatioTarget[]): Ratio[] {
  const [first, ...others] = sides;
  if (first === undefined) return [];
  return others.flatMap((other) =>
    (['cpu', 'rate'] as const).map((metric) => ({
      metric,
      against: other.name,
      spread: spreadOf(first.rounds.map((round, index) => ratio(metric, round, other.rounds[index]))),
      atLeast: targets.find((target) => target.metric === metric && target.against === other.name)?.atLeast,
    })),
  );
}

function ratio(metric: RatioTarget['metric'], first: Round, other: Round | undefined): number {
  if (other === undefined) throw new Error('a round without its counterpart');
  return metric === 'cpu' ? other.cpu / first.cpu : first.rate / other.rate;
}
