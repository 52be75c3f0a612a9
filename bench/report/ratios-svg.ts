import type { CaseResult, Ratio } from '../compare.ts';
import { formatRatio } from './units.ts';

const rowHeight = 26;
const top = 44;
const labelWidth = 250;
const plotWidth = 470;
const width = labelWidth + plotWidth + 70;
const ticks = [0.5, 1, 2, 4, 8, 16, 32];
const [lowest, highest] = [Math.log2(0.5), Math.log2(32)];

// colours of both modes: the file is shown as an image, which knows the reader's mode but not his style sheet
const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .quiet { fill: #57606a } .title { font-size: 14px; font-weight: 600 }
  .grid { stroke: #d0d7de } .one { stroke: #57606a } .spread { stroke: #24292f; stroke-width: 1.5 }
  .reached { fill: #2da44e } .missed { fill: #d4782a } .target { stroke: #0969da; stroke-width: 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 }
    .grid { stroke: #30363d } .one { stroke: #9198a1 } .spread { stroke: #e6edf3 }
    .reached { fill: #3fb950 } .missed { fill: #db8f3f } .target { stroke: #58a6ff }
  }`;

interface Bar {
  readonly label: string;
  readonly ratio: Ratio;
}

/** A plot of every ratio that has a target: bar to the median, line for the spread, mark for the target. */
export function drawRatios(results: readonly CaseResult[]): string {
  const bars = results.flatMap(({ id, ratios }) =>
    ratios
      .filter(({ atLeast }) => atLeast !== undefined)
      .map((ratio) => ({ label: ratio.metric === 'cpu' ? id : `${id}, throughput`, ratio })),
  );
  const height = top + bars.length * rowHeight + 30;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">`,
    `<title id="title">Ratios of Entrepot to what it is compared with</title>`,
    `<style>${style}</style>`,
    `<text class="title" x="8" y="20">How many times better: CPU for each operation, or throughput where it says so</text>`,
    ...ticks.map((tick) => drawTick(tick, height - 24)),
    ...bars.map((bar, index) => drawBar(bar, top + index * rowHeight)),
    `</svg>`,
    '',
  ].join('\n');
}

function drawTick(tick: number, bottom: number): string {
  const x = xOf(tick);
  return (
    `<line class="${tick === 1 ? 'one' : 'grid'}" x1="${x}" x2="${x}" y1="${top - 8}" y2="${bottom}"/>` +
    `<text class="quiet" x="${x}" y="${bottom + 16}" text-anchor="middle">${tick}×</text>`
  );
}

function drawBar({ label, ratio }: Bar, y: number): string {
  const { spread, atLeast = 0 } = ratio;
  const middle = y + rowHeight / 2;
  const [from, to] = [xOf(1), xOf(spread.median)];
  const kind = spread.median >= atLeast ? 'reached' : 'missed';
  return [
    `<text x="8" y="${middle + 4}">${label}</text>`,
    `<rect class="${kind}" x="${Math.min(from, to)}" y="${y + 6}" width="${Math.abs(to - from)}" height="14" rx="2"/>`,
    `<line class="spread" x1="${xOf(spread.min)}" x2="${xOf(spread.max)}" y1="${middle}" y2="${middle}"/>`,
    `<line class="target" x1="${xOf(atLeast)}" x2="${xOf(atLeast)}" y1="${y + 3}" y2="${y + 23}"/>`,
    `<text class="quiet" x="${labelWidth + plotWidth + 8}" y="${middle + 4}">${formatRatio(spread.median)}</text>`,
  ].join('');
}

/** Ratios lie on a scale of doublings. */
function xOf(ratio: number): number {
  const at = Math.min(Math.max(Math.log2(ratio), lowest), highest);
  return Math.round(labelWidth + ((at - lowest) / (highest - lowest)) * plotWidth);
}
