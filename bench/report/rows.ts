import type { CaseResult, Ratio, Round } from '../compare.ts';
import { spreadOf } from './spread.ts';
import { formatBytes, formatRate, formatRatio, formatSeconds } from './units.ts';

/** Titles of the columns of {@link sideRows}. */
export const sideColumns = ['', 'CPU each', 'rate', 'p50', 'p99', 'memory'] as const;

/** One row for each side: medians of the rounds, and the peak of memory. */
export function sideRows({ sides }: CaseResult): string[][] {
  return sides.map(({ name, rounds }) => {
    const median = (of: (round: Round) => number) => spreadOf(rounds.map(of)).median;
    return [
      name,
      formatSeconds(median(({ cpu }) => cpu)),
      formatRate(median(({ rate }) => rate)),
      formatSeconds(median(({ p50 }) => p50)),
      formatSeconds(median(({ p99 }) => p99)),
      formatBytes(spreadOf(rounds.map(({ memory }) => memory)).max),
    ];
  });
}

/** Smallest, median and largest ratio. */
export function spreadText({ spread }: Ratio): string {
  return [spread.min, spread.median, spread.max].map(formatRatio).join(' – ');
}

/** The target and whether the median reaches it; empty where there is none. */
export function verdictText({ spread, atLeast }: Ratio): string {
  if (atLeast === undefined) return '';
  return `≥ ${formatRatio(atLeast)} ${spread.median >= atLeast ? 'reached' : 'missed'}`;
}
