import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeIssue } from './describe-issue.ts';

describe('describeIssue', () => {
  it.each([
    [z.string(), undefined, 'is missing'],
    [z.string(), 7, 'must be a text, not a number'],
    [z.boolean(), 'yes', 'must be true or false, not a text'],
    [z.int(), [], 'must be a number, not a list'],
    [z.int(), 1.5, 'must be a whole number'],
    [z.object({}), null, 'must be an object, not null'],
    [z.array(z.string()), {}, 'must be a list, not an object'],
    [z.enum(['user', 'robot']), 'group', 'must be one of user, robot'],
    [z.string().max(3), 'abcd', 'must have at most 3 characters'],
    [z.string().min(8), 'abcd', 'must have at least 8 characters'],
    [z.array(z.string()).max(1), ['a', 'b'], 'must have at most 1 entries'],
    [z.number().min(1), 0, 'must be at least 1'],
    [z.string().regex(/^x$/, 'must be x'), 'y', 'must be x'],
  ])('%#: speaks to people', (schema, input, message) => {
    const { error } = schema.safeParse(input, { error: describeIssue });
    expect(error?.issues[0]?.message).toBe(message);
  });
});
