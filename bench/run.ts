import { Content } from './cases/content.ts';
import { measureStart } from './cases/start.ts';
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
const compared = await runCases(options);
const whole = process.exitCode === undefined;
const figures = options.start && whole ? await measureStart() : [];
const report = { startedAt, machine: describeMachine(), scale: options.scale, ...compared, figures };
printSummary(compared.results, figures);
console.log(`\n${saveReport(report)}`);
if (options.publish && whole) publish(report);

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
