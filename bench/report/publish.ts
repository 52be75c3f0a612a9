import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CaseResult } from '../compare.ts';
import { figureTexts } from './print.ts';
import { drawRatios } from './ratios-svg.ts';
import { sideColumns, sideRows, spreadText, verdictText } from './rows.ts';
import type { RunReport } from './run-report.ts';

const folder = resolve(import.meta.dirname, '../../docs/reference/benchmarks');

/** Writes the page and the plot of docs/reference/benchmarks. */
export function publish(report: RunReport): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/README.md`, writePage(report));
  writeFileSync(`${folder}/ratios.svg`, drawRatios(report.results));
}

function writePage(report: RunReport): string {
  const { scale, results, figures } = report;
  const targets = results.flatMap(({ id, ratios }) =>
    ratios
      .filter(({ atLeast }) => atLeast !== undefined)
      .map((ratio) => [id, ratio.metric, ratio.against, spreadText(ratio), verdictText(ratio)]),
  );
  return [
    '# Benchmarks',
    'Written by `pnpm bench --publish`; do not edit. bench/README.md says how it is measured.',
    `Measured ${report.startedAt.slice(0, 10)} on ${report.machine}. Client and servers share the machine: compare ` +
      'ratios, not absolute figures.',
    `Rounds: ${scale.rounds} of ${scale.seconds} s for each server, in turns. Many keys: ${scale.keys} manifests in ` +
      `${scale.repositories} repositories. Many tags: ${scale.tags}. "256m": ${scale.large / 1024 ** 2} MiB.`,
    '![How many times better Entrepot is, by case](ratios.svg)',
    '## Targets',
    'Smallest – median – largest ratio of the rounds. Each compares CPU for one operation, of all processes of a ' +
      'server and its database, or throughput (`rate`); above 1 is better for Entrepot.',
    table(['case', 'of', 'against', 'ratio', 'target'], targets),
    ...(figures.length === 0
      ? []
      : [
          table(
            ['figure', 'value', 'target'],
            figures.map((one) => [one.title, ...figureTexts(one)]),
          ),
        ]),
    '## All figures',
    'Medians of the rounds; memory is the peak.',
    ...results.flatMap(writeCase),
    '',
  ].join('\n\n');
}

function writeCase(result: CaseResult): string[] {
  const ratios = result.ratios.map(
    (ratio) => `${ratio.metric} against ${ratio.against} ${spreadText(ratio)}`,
  );
  return [
    `### ${result.id}`,
    `${result.title}.`,
    table([...sideColumns], sideRows(result)),
    `Ratios: ${ratios.join('; ')}.`,
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
