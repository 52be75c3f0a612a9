import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * The variable by which a process is known as one that a run of the tests started. No setting of the product, which
 * refuses those it does not know.
 */
export const runVariable = 'TEST_RUN_ID';

/** A process that outlived the run that started it. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** The processes whose environment bears the mark of `run`. Linux only; elsewhere none are found. */
export function listLeftovers(run: string): Leftover[] {
  if (!existsSync('/proc/self/environ')) return [];
  const mark = `${runVariable}=${run}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(mark))
    .map((pid) => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() }));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // the process ended, or is another user's
    return '';
  }
}
