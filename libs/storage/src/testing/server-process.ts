import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const longestStart = 60_000;
const longestStop = 10_000;

/** Folders that servers are looked for in: those of the machine, and those of `.ci/install-tools`. */
const programPath = [
  process.env['PATH'] ?? '',
  process.env['ENTREPOT_TEST_TOOLS'] ?? join(homedir(), '.cache/entrepot-test-tools'),
].join(delimiter);

/** Those of the programs that this machine does not have. In CI none may be missing, so none is left out there. */
export function missingPrograms(names: readonly string[]): string[] {
  if (process.env['CI'] !== undefined) return [];
  const folders = programPath.split(delimiter).filter((folder) => folder !== '');
  return names.filter((name) => !folders.some((folder) => isExecutable(join(folder, name))));
}

/** A server of tests as a process of its own. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
  }

  static start(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): ServerProcess {
    return new ServerProcess(
      spawn(program, args, { env: { ...process.env, PATH: programPath, ...env }, stdio: 'ignore' }),
    );
  }

  /** Waits until something listens on the port. */
  async listening(port: number): Promise<void> {
    const end = Date.now() + longestStart;
    while (!(await isListening(port))) {
      if (this.#child.exitCode !== null || Date.now() > end) {
        throw new Error(`${this.#child.spawnfile} does not listen on ${port}`);
      }
      await sleep(50);
    }
  }

  /** Ends the process and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), longestStop);
    await this.#ended;
    clearTimeout(late);
  }
}

/** Runs a program to its end; throws what it said when that is no success. */
export async function runTool(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = spawn(program, args, {
    env: { ...process.env, PATH: programPath, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  }
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}:\n${output}`);
}

/** Ports of loopback that nobody listens on, below those that outgoing connections take. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
