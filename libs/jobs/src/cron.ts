import { CronExpressionParser } from 'cron-parser';
import { AppError } from '@entrepot/errors/app-error';

const fields = ['second', 'minute', 'hour', 'day of month', 'month', 'day of week'] as const;
// the letters of Harbor's schedules are names of months and days; L, W, # and @daily are other dialects
const fieldText =
  /^(?:[\d*/,?-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)+$/i;

/**
 * The first time after `after` that a schedule names, in UTC. Six fields as in Harbor: second, minute, hour, day of
 * month, month, day of week (0 is Sunday). `BAD_REQUEST`, naming the field, for one that is not of that form or has
 * no time at all.
 */
export function nextCronTime(cron: string, after: Date): Date {
  const words = cron.trim().split(/\s+/);
  if (cron.trim() === '' || words.length !== fields.length) {
    throw refusal(
      cron,
      `it needs six fields (${fields.join(', ')}), such as "0 0 2 * * *" for 02:00 UTC each day`,
    );
  }
  const wrong = words.findIndex((word) => !fieldText.test(word));
  if (wrong >= 0) {
    throw refusal(cron, `${words[wrong]} is no ${fields[wrong]}: numbers, names, * , - and / are understood`);
  }
  try {
    return CronExpressionParser.parse(words.join(' '), { currentDate: after, tz: 'UTC' }).next().toDate();
  } catch (error) {
    throw refusal(cron, error instanceof Error ? error.message : String(error), error);
  }
}

function refusal(cron: string, why: string, cause?: unknown): AppError {
  return new AppError('BAD_REQUEST', `cron ${JSON.stringify(cron.slice(0, 100))}: ${why}`, { cause });
}
