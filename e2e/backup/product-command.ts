import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inheritedEnvironment, runProgram, type ProgramResult } from '../programs.ts';

const main = resolve(import.meta.dirname, '../../apps/cli/dist/main.js');

/** Runs a command of the built product with these settings; `signal` kills it without warning. */
export async function runEntrepot(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<ProgramResult> {
  const env = { ...inheritedEnvironment(), ...settings };
  return await runProgram(process.execPath, [main, ...args], {
    env,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Runs a command and kills it as soon as `isTime` says so. Throws when it ended before. */
export async function killEntrepot(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  isTime: () => boolean,
): Promise<void> {
  const kill = new AbortController();
  const run = runEntrepot(args, settings, kill.signal).catch((error: unknown) => {
    // that is how a program says that it was killed
    if (kill.signal.aborted) return undefined;
    throw error;
  });
  const ended = run.then(() => true);
  while (!isTime()) {
    if (await Promise.race([ended, sleep(2, false)])) break;
  }
  kill.abort();
  const result = await run;
  if (result?.code === 0) throw new Error(`${args.join(' ')} ended before it was killed`);
}

/** The settings in a file of lines `NAME=value`. */
export function parseSettings(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.startsWith('ENTREPOT_'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
