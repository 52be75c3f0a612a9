import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { jobDefinitions } from './definitions/all.ts';
import { checkHandlers, handle } from './handler.ts';
import { backoffAfter, job } from './job.ts';

const definition = job({
  name: 'thing.do',
  summary: 'Does.',
  queue: 'content',
  payload: z.object({ id: z.int() }),
});
const handler = handle(definition, async () => undefined);
const context = { taskId: 1, attempt: 1, signal: new AbortController().signal, log: () => undefined };

describe('checkHandlers', () => {
  it('takes one handler for each job', () => {
    expect(() => checkHandlers([definition], [handler])).not.toThrow();
  });

  it.each([
    ['a job without a handler', [definition], []],
    ['a job with two', [definition], [handler, handler]],
    ['a handler of no job', [], [handler]],
  ])('refuses %s', (_, definitions, handlers) => {
    expect(() => checkHandlers(definitions, handlers)).toThrow(/thing\.do/);
  });
});

describe('handle', () => {
  it('refuses a payload that is none of its job', async () => {
    await expect((async () => handler.run({ id: 'x' }, context))()).rejects.toThrow();
  });
});

describe('backoffAfter', () => {
  it('doubles with each attempt, up to an hour', () => {
    expect([1, 2, 3, 20].map((attempt) => backoffAfter({ backoffSeconds: 10 }, attempt))).toEqual([
      10, 20, 40, 3600,
    ]);
  });
});

describe('jobDefinitions', () => {
  it('have names of their own, <noun>.<verb>, and a sentence', () => {
    const names = jobDefinitions.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, summary } of jobDefinitions) {
      expect(name).toMatch(/^[a-z-]+\.[a-z-]+$/);
      expect(summary).toMatch(/^[A-Z].*\.$/);
    }
  });
});
