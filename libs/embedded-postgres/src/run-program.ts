import { spawn } from 'node:child_process';

/** How to run a program of PostgreSQL: where, and as whom. */
export interface ProgramOptions {
  readonly cwd?: string;
  /** Undefined: as the user of this process. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  readonly input?: string;
}

/** How a program ended. `output` is what it wrote to both its streams. */
export interface ProgramResult {
  readonly exitCode: number | undefined;
  readonly output: string;
}

/** The environment of every program: nothing of ours reaches them, least of all a secret. */
export const programEnvironment = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' };

/** Runs a program to its end. A program that cannot be started has no exit code. */
export async function runProgram(
  path: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return await new Promise((resolve) => {
    const child = spawn(path, args, {
      cwd: options.cwd,
      env: programEnvironment,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...options.account,
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.once('error', (error) => resolve({ exitCode: undefined, output: error.message }));
    child.once('close', (code) => resolve({ exitCode: code ?? undefined, output }));
  });
}
