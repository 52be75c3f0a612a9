import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';

/** A command that passes or fails. */
export interface Step {
  readonly name: string;
  /** Program and arguments; programs of node_modules/.bin are found. */
  readonly command: readonly [program: string, ...args: string[]];
}

/** How a step went. */
export interface StepResult {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly output: string;
}

/** Runs the steps, at most `width` at a time, and reports each as it ends. */
export async function runSteps(
  steps: readonly Step[],
  width: number,
  report: (result: StepResult) => void,
): Promise<StepResult[]> {
  const waiting = [...steps];
  const results: StepResult[] = [];
  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const result = await runStep(step);
      results.push(result);
      report(result);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return results;
}

/** The environment in which the programs of node_modules and this very Node come first. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const path = [resolve('node_modules/.bin'), dirname(process.execPath), process.env['PATH'] ?? ''];
  return { ...process.env, PATH: path.join(':') };
}

function runStep({ name, command: [program, ...args] }: Step): Promise<StepResult> {
  const start = performance.now();
  let output = '';
  const collect = (chunk: string): void => {
    output += chunk;
  };
  return new Promise((done) => {
    const end = (passed: boolean): void =>
      done({ name, passed, seconds: (performance.now() - start) / 1000, output });
    const child = spawn(program, args, { env: programEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.once('error', (error) => {
      output += `${program}: ${error.message}\n`;
      end(false);
    });
    child.once('close', (code) => end(code === 0));
  });
}
