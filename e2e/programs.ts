import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** How a program ended. */
export interface ProgramResult {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  /** Both streams, in the order they came. */
  readonly output: string;
}

/** What a program is run with. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** Milliseconds after which it is killed; default five minutes. */
  readonly timeout?: number;
  /** Ends it with SIGKILL. */
  readonly signal?: AbortSignal;
}

/** Folders that programs are looked for in: those of the machine, and those of `.ci/install-tools`. */
export const programPath = [
  process.env['PATH'] ?? '',
  process.env['ENTREPOT_TEST_TOOLS'] ?? join(homedir(), '.cache/entrepot-test-tools'),
  '/usr/sbin',
  '/sbin',
].join(delimiter);

/** Those of the programs that this machine does not have. In CI none may be missing, so none is left out there. */
export function missingPrograms(names: readonly string[]): string[] {
  if (process.env['CI'] !== undefined) return [];
  const folders = programPath.split(delimiter).filter((folder) => folder !== '');
  return names.filter((name) => !folders.some((folder) => isExecutable(join(folder, name))));
}

/** The title of a suite, which names what is missing. */
export function titleOf(name: string, missing: readonly string[]): string {
  return missing.length === 0 ? name : `${name} (not on this machine: ${missing.join(', ')})`;
}

/** Runs a program to its end. Rejects only when it cannot be started. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...inheritedEnvironment(), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeout ?? 300_000,
      killSignal: 'SIGKILL',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const all: Buffer[] = [];
    const out: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => void (all.push(chunk), out.push(chunk)));
    child.stderr.on('data', (chunk: Buffer) => void all.push(chunk));
    child.stdin.on('error', () => undefined).end(options.input ?? '');
    options.signal?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code: code ?? -1, stdout: String(Buffer.concat(out)), output: String(Buffer.concat(all)) });
    });
  });
}

/** The environment of this process without settings of the product, which a developer may have set for himself. */
export function inheritedEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name.startsWith('ENTREPOT_') ? [] : [[name, value] as const],
  );
  return { ...Object.fromEntries(entries), PATH: programPath };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
