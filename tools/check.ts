import { mkdirSync, writeFileSync } from 'node:fs';
import { runSteps, type Step, type StepResult } from './checks/run-steps.ts';
import { results, vitestArguments } from './testing/vitest-run.ts';

/** The longest first, so that two at a time end together. */
const steps: readonly Step[] = [
  { name: 'types', command: ['tsc', '-b', 'tsconfig.build.json'] },
  { name: 'unit tests', command: ['vitest', ...vitestArguments('unit')] },
  {
    name: 'lint',
    command: ['oxlint', '--type-aware', '--deny-warnings', '--report-unused-disable-directives'],
  },
  { name: 'types of tests and tools', command: ['tsc', '-p', 'tsconfig.json'] },
  { name: 'dead code', command: ['knip'] },
  {
    name: 'generated files',
    command: ['node', '--conditions=entrepot-source', 'tools/generate.ts', '--check'],
  },
  { name: 'format', command: ['oxfmt', '--check'] },
  { name: 'boundaries', command: ['node', 'tools/boundaries.ts'] },
  { name: 'house rules', command: ['node', 'tools/house.ts'] },
];

function report({ name, passed, seconds, output }: StepResult): void {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`);
  if (!passed) console.log(output.trimEnd());
}

const outcome = await runSteps(steps, 2, report);
const failed = outcome.filter(({ passed }) => !passed);
mkdirSync(results, { recursive: true });
const counts = { passed: outcome.length - failed.length, failed: failed.length, skipped: 0 };
writeFileSync(`${results}/check.counts.json`, JSON.stringify(counts));
if (failed.length > 0) console.log(`failed: ${failed.map(({ name }) => name).join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
