import { readdirSync, readFileSync } from 'node:fs';

/** What processes have used. */
export interface Usage {
  /** Processor seconds, user and system, of the processes and of their children that have ended. */
  readonly cpuSeconds: number;
  /** Bytes: the peak of each process; for PostgreSQL, its private memory now and its shared memory once. */
  readonly memory: number;
}

/** One line of /proc/PID/stat. */
interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly ticks: number;
}

// the unit of /proc/PID/stat on every Linux that Node runs on
const ticksPerSecond = 100;

/** Reads what the processes `roots` and all below them have used since they began. */
export function readUsage(roots: readonly number[]): Usage {
  const family = listFamily(roots);
  const ticks = family.reduce((sum, stat) => sum + stat.ticks, 0);
  const database = family.filter((stat) => stat.name === 'postgres');
  const others = family.filter((stat) => stat.name !== 'postgres');
  return {
    cpuSeconds: ticks / ticksPerSecond,
    memory: sumOfPeaks(others) + memoryOfDatabase(database),
  };
}

/** The processes `roots` and all below them. */
export function listFamily(roots: readonly number[]): Stat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)));
  const family = all.filter((stat) => roots.includes(stat.pid));
  for (const member of family) family.push(...all.filter((stat) => stat.parent === member.pid));
  return [...new Map(family.map((stat) => [stat.pid, stat])).values()];
}

/** Bytes: the peaks of the processes `roots` and of all below them, PostgreSQL's left out. */
export function peakMemory(roots: readonly number[]): number {
  return sumOfPeaks(listFamily(roots).filter((stat) => stat.name !== 'postgres'));
}

/** Bytes that a process holds in memory now. */
export function residentMemory(pid: number): number {
  return readField(pid, 'VmRSS');
}

function sumOfPeaks(processes: readonly Stat[]): number {
  return processes.reduce((sum, { pid }) => sum + readField(pid, 'VmHWM'), 0);
}

function memoryOfDatabase(processes: readonly Stat[]): number {
  const own = processes.reduce((sum, { pid }) => sum + readField(pid, 'RssAnon'), 0);
  // every process counts the pages of the common buffer that it has touched
  const common = processes.map(({ pid }) => readField(pid, 'RssShmem'));
  return own + Math.max(0, ...common);
}

function readStat(pid: number): Stat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // utime, stime, cutime, cstime: proc(5), counted from the field after the name
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid, parent: Number(fields[1]), name, ticks }];
  } catch {
    return []; // it has ended
  }
}

function readField(pid: number, field: string): number {
  try {
    const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
      readFileSync(`/proc/${pid}/status`, 'utf8'),
    );
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
