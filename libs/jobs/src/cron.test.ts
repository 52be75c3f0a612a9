import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextCronTime } from './cron.ts';

const after = new Date('2026-11-25T08:30:10Z');

describe('nextCronTime', () => {
  it.each([
    ['0 0 * * * *', '2026-11-25T09:00:00.000Z'],
    ['0 0 0 * * *', '2026-11-26T00:00:00.000Z'],
    ['0 0 0 * * 0', '2026-11-29T00:00:00.000Z'],
    ['0 */15 * * * ?', '2026-11-25T08:45:00.000Z'],
    ['30 30 8 * * *', '2026-11-25T08:30:30.000Z'],
    ['0 0 2 * * MON-FRI', '2026-11-26T02:00:00.000Z'],
    ['0 0 2 1 jan,Jul *', '2027-01-01T02:00:00.000Z'],
    ['0 0 2 29 2 *', '2028-02-29T02:00:00.000Z'],
    // both days given: either one will do
    ['0 0 2 1 * 5', '2026-11-27T02:00:00.000Z'],
    ['  0 0 2   * * * ', '2026-11-26T02:00:00.000Z'],
  ])('finds the time of %s, in UTC', (cron, expected) => {
    expect(nextCronTime(cron, after).toISOString()).toBe(expected);
  });

  it('is never the time that it comes after', () => {
    expect(nextCronTime('0 30 8 * * *', new Date('2026-11-25T08:30:00Z')).toISOString()).toBe(
      '2026-11-26T08:30:00.000Z',
    );
  });

  it.each([
    ['', 'six fields'],
    ['* * * * *', 'six fields'],
    ['0 0 0 * * * 2026', 'six fields'],
    ['@daily', 'six fields'],
    ['0 0 25 * * *', '25'],
    ['60 0 0 * * *', '60'],
    ['0 0 0 * * fun', 'fun is no day of week'],
    ['0 0 0 L * *', 'L is no day of month'],
    ['0 0 0 * * 5#2', '5#2 is no day of week'],
    ['0 0 0 31 2 *', 'day of month'],
    ['0 5-1 0 * * *', 'range'],
  ])('refuses %j and says why', (cron, why) => {
    expect(() => nextCronTime(cron, after)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringContaining(why) }),
    );
  });

  it('answers anything with a later time or a refusal', () => {
    const field = fc.oneof(
      fc.constantFrom('*', '?', '*/7', '1-3', '0,5', 'MON'),
      fc.integer({ min: -1, max: 70 }).map(String),
      fc.string({ maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(field, { minLength: 5, maxLength: 7 }), (words) => {
        try {
          return nextCronTime(words.join(' '), after).getTime() > after.getTime();
        } catch (error) {
          return error instanceof Error && 'code' in error && error.code === 'BAD_REQUEST';
        }
      }),
    );
  });
});
