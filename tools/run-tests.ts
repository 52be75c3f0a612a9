import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { programEnvironment } from './checks/run-steps.ts';
import { addCounts, countReport, listSkipped, type Counts } from './testing/counts.ts';
import { listLeftovers, runVariable } from './testing/leftovers.ts';
import { hasOlderPostgres, listMissingPrograms } from './testing/programs.ts';
import { findReport, results, vitestArguments } from './testing/vitest-run.ts';

const isCi = process.env['CI'] === 'true';
const run = randomUUID();
const environment = testEnvironment();

/** Runs every suite and ends with the one line that sums them up. `--check` runs the check before them. */
async function main(withCheck: boolean): Promise<void> {
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const counts = [
    await (withCheck ? runCheck() : runSuite('unit')),
    await runSuite('db'),
    ...(hasOlderPostgres() ? [await runSuite('db-oldest')] : []),
    await runSuite('s3'),
    await runSuite('e2e'),
  ];
  const total = addCounts([...counts, ...readCounts(), reportMissing(), await reportLeftovers()]);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}

async function runSuite(suite: string): Promise<Counts> {
  console.log(`\n== ${suite}`);
  const exitCode = await runProgram('vitest', vitestArguments(suite));
  return countSuite(suite, exitCode);
}

/** The check runs the unit tests among its steps, each of which counts. */
async function runCheck(): Promise<Counts> {
  console.log('\n== check');
  await runProgram(process.execPath, ['tools/check.ts']);
  return countSuite('unit', 0);
}

function countSuite(suite: string, exitCode: number): Counts {
  const report = findReport(suite);
  const skipped = report === undefined ? [] : listSkipped(report, process.cwd());
  for (const name of skipped) console.log(`left out: ${name}`);
  return countReport(report, exitCode);
}

/** What suites counted that are no tests of Vitest: the steps of the check, the cases of the conformance program. */
function readCounts(): Counts[] {
  const files = readdirSync(results).filter((name) => name.endsWith('.counts.json'));
  return files.map((name) => JSON.parse(readFileSync(`${results}/${name}`, 'utf8')) as Counts);
}

function reportMissing(): Counts {
  const missing = listMissingPrograms(environment['PATH'] ?? '');
  if (!hasOlderPostgres()) missing.push('postgresql');
  if (missing.length > 0) {
    console.log(`\nnot on this machine: ${missing.join(', ')} (.ci/install-tools gets them)`);
  }
  return { passed: 0, failed: isCi ? missing.length : 0, skipped: 0 };
}

/** No test may leave a process behind. What did is named, counted and ended. */
async function reportLeftovers(): Promise<Counts> {
  let left = listLeftovers(run);
  for (let tries = 0; left.length > 0 && tries < 20; tries += 1) {
    await sleep(250);
    left = listLeftovers(run);
  }
  for (const { pid, command } of left) {
    console.log(`left behind by a test: process ${pid}: ${command}`);
    process.kill(pid, 'SIGKILL');
  }
  return { passed: 0, failed: left.length, skipped: 0 };
}

function testEnvironment(): NodeJS.ProcessEnv {
  const base = programEnvironment();
  const tools = process.env['ENTREPOT_TEST_TOOLS'] ?? `${homedir()}/.cache/entrepot-test-tools`;
  const path = `${base['PATH']}:${tools}:/usr/sbin:/sbin`;
  return { ...base, PATH: path, ENTREPOT_TEST_TOOLS: tools, [runVariable]: run };
}

function runProgram(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

await main(process.argv.includes('--check'));
