import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { resolve } from 'node:path';
import type { Scale } from '../cases/case.ts';
import type { Figure } from '../cases/figure.ts';
import type { CaseResult } from '../compare.ts';

/** All that a run found out. */
export interface RunReport {
  readonly startedAt: string;
  readonly machine: string;
  readonly scale: Scale;
  readonly missing: readonly string[];
  readonly results: readonly CaseResult[];
  readonly figures: readonly Figure[];
}

/** What the figures were measured on. */
export function describeMachine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const system = `${platform()} ${release().split('-')[0]} ${arch()}`;
  return `${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${memory}, ${system}, Node ${process.version}`;
}

/** Keeps the figures of every round in a file and returns its path. */
export function saveReport(report: RunReport): string {
  const folder = resolve(import.meta.dirname, '../results');
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/${report.startedAt.replaceAll(':', '-')}.json`;
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
  return file;
}
