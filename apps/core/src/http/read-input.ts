import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { parseListQuery, type ListQuery } from '@entrepot/api-contract/list-query';
import type { InputOf, Operation } from '@entrepot/api-contract/operation';
import { AppError } from '@entrepot/errors/app-error';
import { describeIssue } from './describe-issue.ts';
import { findUnstorable } from './storable-text.ts';

/**
 * Reads everything that a request carries for an operation. Broken JSON, a member of the wrong JSON type and a
 * wrong parameter are `UNPROCESSABLE`, a bad value in a body is `BAD_REQUEST`, unknown members are dropped.
 */
export function readInput<Op extends Operation>(op: Op, request: FastifyRequest): InputOf<Op> {
  const query = parse(op.query, 'query', lastOfEach(request.query));
  const list = op.answer.kind === 'page' ? parseListQuery(listParameters.parse(query)) : undefined;
  if (list !== undefined) lists.set(request, list);
  const input = {
    params: parse(op.params, 'path', request.params),
    query,
    headers: parse(op.headers, 'header', lastOfEach(request.headers)),
    body: op.body === undefined ? undefined : parse(op.body, 'body', readJson(request.body)),
    list,
  };
  // every part was made by the schema that its type is inferred from
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return input as InputOf<Op>;
}

// the part of every list's parameters that its schema has already read
const listParameters = z.object({
  q: z.string().optional(),
  sort: z.string().optional(),
  page: z.number().optional(),
  page_size: z.number().optional(),
});
const lists = new WeakMap<FastifyRequest, ListQuery>();

/** Which part of a list a request asked for, once its input was read. */
export function listOf(request: FastifyRequest): ListQuery | undefined {
  return lists.get(request);
}

type Place = 'path' | 'query' | 'header' | 'body';

function parse(schema: z.ZodType | undefined, place: Place, value: unknown): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value, { error: describeIssue });
  if (!result.success) throw refusal(place, result.error.issues);
  // what the schema let through is no deeper than the schema
  const unstorable = findUnstorable(result.data);
  if (unstorable === undefined) return result.data;
  throw new AppError(
    'BAD_REQUEST',
    `${unstorable || place} in ${place}: must be text without null characters`,
  );
}

function refusal(place: Place, issues: readonly z.core.$ZodIssue[]): AppError {
  const wrongType = place !== 'body' || issues.some((issue) => issue.code === 'invalid_type');
  const message = issues
    .slice(0, 5)
    .map((issue) => describe(place, issue))
    .join('; ');
  return new AppError(wrongType ? 'UNPROCESSABLE' : 'BAD_REQUEST', message);
}

function describe(place: Place, { path, message }: z.core.$ZodIssue): string {
  const name = path.length === 0 ? `the ${place}` : `${path.join('.')} in ${place}`;
  return `${name}: ${message}`;
}

function readJson(body: unknown): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0)
    throw new AppError('UNPROCESSABLE', 'the request has no body: send a JSON object');
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new AppError('UNPROCESSABLE', 'the body is not JSON: check its quotes, commas and brackets', {
      cause: error,
    });
  }
}

// of a parameter that comes several times Harbor takes the last
function lastOfEach(values: unknown): Record<string, unknown> {
  const entries: [string, unknown][] = Object.entries(
    typeof values === 'object' && values !== null ? values : {},
  );
  return Object.fromEntries(entries.map(([name, value]) => [name, lastOf(value)]));
}

function lastOf(value: unknown): unknown {
  return Array.isArray(value) ? value[value.length - 1] : value;
}
