import { schedules } from '../../apps/jobservice/src/schedules.ts';
import { subscriptions } from '../../apps/jobservice/src/subscriptions.ts';
import { facts } from '../../libs/events/src/fact.ts';
import { jobDefinitions } from '../../libs/jobs/src/definitions/all.ts';
import type { AnyJob } from '../../libs/jobs/src/job.ts';

/** Writes the table of jobs, with what starts them, and the list of facts. */
export function generate(): { path: string; text: string }[] {
  const text = `# Jobs and facts

Generated from libs/jobs/src/definitions, libs/events and apps/jobservice by \`pnpm gen\`; do not edit.

A job is put to do in a transaction, done at least once, and tried again when it fails; after the last attempt its
task is *parked*, with its error and log, until somebody looks. Every task can be stopped.

| job | what it does | started by | queue | attempts | time limit |
|---|---|---|---|---|---|
${jobDefinitions.map(toRow).join('\n')}

## Facts

What becomes true is written into the outbox in the same transaction, and becomes one task of each job that subscribed
to it.

| fact | version | meaning | jobs |
|---|---|---|---|
${Object.entries(facts).map(factRow).join('\n')}
`;
  return [{ path: 'docs/reference/jobs.md', text }];
}

function toRow(job: AnyJob): string {
  const cells = [
    `\`${job.name}\``,
    job.summary,
    startedBy(job),
    job.queue,
    String(job.attempts),
    duration(job.timeoutSeconds),
  ];
  return `| ${cells.join(' | ')} |`;
}

function startedBy(job: AnyJob): string {
  const listens = Object.entries(subscriptions).filter(([, jobs]) =>
    jobs.some(({ name }) => name === job.name),
  );
  const scheduled = schedules.filter((schedule) => schedule.job.name === job.name);
  return [
    ...listens.map(([fact]) => `\`${fact}\``),
    ...scheduled.map(({ seconds }) => `every ${duration(seconds)}`),
  ].join(', ');
}

function factRow([name, { version, summary }]: [string, { version: number; summary: string }]): string {
  const jobs = Object.entries(subscriptions).find(([fact]) => fact === name)?.[1] ?? [];
  return `| \`${name}\` | ${version} | ${summary} | ${jobs.map((job) => `\`${job.name}\``).join(', ')} |`;
}

function duration(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
