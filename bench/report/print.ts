import type { Figure } from '../cases/figure.ts';
import type { CaseResult } from '../compare.ts';
import { sideColumns, sideRows, spreadText, verdictText } from './rows.ts';

const metrics = { cpu: 'CPU', rate: 'throughput' } as const;

/** Prints a case as soon as it is done. */
export function printCase(result: CaseResult): void {
  console.log(`\n${result.id}: ${result.title}`);
  printTable([[...sideColumns], ...sideRows(result)]);
  printTable(
    result.ratios.map((ratio) => [
      `${metrics[ratio.metric]} against ${ratio.against}`,
      spreadText(ratio),
      verdictText(ratio),
    ]),
  );
}

/** Prints all targets, one a line. */
export function printSummary(results: readonly CaseResult[], figures: readonly Figure[]): void {
  const ratios = results.flatMap(({ id, ratios: all }) =>
    all
      .filter(({ atLeast }) => atLeast !== undefined)
      .map((ratio) => [id, metrics[ratio.metric], spreadText(ratio), verdictText(ratio)]),
  );
  console.log('\nTargets (smallest – median – largest ratio of the rounds; more is better for Entrepot)');
  printTable(ratios);
  printTable(figures.map((figure) => [figure.id, ...figureTexts(figure)]));
}

/** The value of a figure, and its verdict. */
export function figureTexts({ value, unit, atMost }: Figure): [string, string] {
  const verdict = `< ${Math.round(atMost)} ${unit} ${value < atMost ? 'reached' : 'missed'}`;
  return [`${value.toFixed(1)} ${unit}`, verdict];
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, index) => Math.max(cell.length, widest[index] ?? 0)),
    [],
  );
  for (const row of rows) {
    console.log(`  ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`.trimEnd());
  }
}
