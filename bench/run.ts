import { Content } from './cases/content.ts';
import type { Figure, FigureCase } from './cases/figure.ts';
import { compare, type CaseResult } from './compare.ts';
import { LoadProcess } from './load/load-process.ts';
import { readOptions, type Options } from './options.ts';
import { printCase, printSummary } from './report/print.ts';
import { publish } from './report/publish.ts';
import { describeMachine, saveReport } from './report/run-report.ts';
import { startAll } from './servers/all-servers.ts';
import { WarmMemory } from './warm-memory.ts';

const options = readOptions(process.argv.slice(2));
const startedAt = new Date().toISOString();
const compared = options.cases.length > 0 ? await runCases(options) : { results: [], missing: [] };
const figures = process.exitCode === undefined ? await measureFigures(options.figures) : [];
const whole = process.exitCode === undefined;
const report = { startedAt, machine: describeMachine(), scale: options.scale, ...compared, figures };
printSummary(compared.results, figures);
console.log(`\n${saveReport(report)}`);
if (options.publish && whole) publish(report);

async function measureFigures(cases: readonly FigureCase[]): Promise<Figure[]> {
  const measured: Figure[] = [];
  try {
    for (const one of cases) measured.push(...(await one.measure(options.scale)));
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
  return measured;
}

async function runCases({
  cases,
  scale,
  nodeFlags,
}: Options): Promise<{ results: CaseResult[]; missing: readonly string[] }> {
  const servers = await startAll(nodeFlags);
  const load = new LoadProcess();
  const memory = new WarmMemory(servers.folder);
  const interrupt = () => load.stop();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const results: CaseResult[] = [];
  try {
    if (servers.missing.length > 0) console.log(`Not on this machine: ${servers.missing.join(', ')}`);
    const bench = { ...servers, load, content: new Content(load), scale };
    for (const one of cases) {
      memory.fill();
      const result = await compare(bench, one);
      results.push(result);
      printCase(result);
    }
  } catch (error) {
    // what was measured before is worth keeping
    console.error(error);
    process.exitCode = 1;
  } finally {
    load.stop();
    memory.close();
    await servers.stop();
  }
  return { results, missing: servers.missing };
}
