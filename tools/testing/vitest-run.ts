import { existsSync, readFileSync } from 'node:fs';
import type { VitestReport } from './counts.ts';

/** Where runs leave their reports and counts. */
export const results = '.tools/test-results';

/** The arguments that make Vitest run a project and leave its report. */
export function vitestArguments(project: string): string[] {
  const output = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}/${project}.json`];
  return ['run', '--project', project, ...output];
}

/** The report that the last run of a project left; undefined when it left none. */
export function findReport(project: string): VitestReport | undefined {
  const file = `${results}/${project}.json`;
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as VitestReport) : undefined;
}
