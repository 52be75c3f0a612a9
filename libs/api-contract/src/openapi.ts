import { z } from 'zod';
import type { Answer } from './answer.ts';
import { apiBase, fullPath, statusOf, type Operation } from './operation.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * The OpenAPI 3.1 document of operations. Schemas with an id become components under it; requests are described
 * as they are sent, answers as they are received.
 */
export function createOpenApi(operations: readonly Operation[], version: string): Json {
  const schemas = new Map<string, Json>();
  const paths: Record<string, Record<string, Json>> = {};
  for (const op of operations) {
    const methods = (paths[fullPath(op)] ??= {});
    methods[op.method.toLowerCase()] = describe(op, schemas);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Entrepot',
      version,
      description: `The management API. It answers as Harbor's ${apiBase} does, and adds to it.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: { basic: { type: 'http', scheme: 'basic' } },
      schemas: {
        ...Object.fromEntries([...schemas].toSorted(([a], [b]) => (a < b ? -1 : 1))),
        Errors: errorsSchema,
      },
    },
  };
}

const errorsSchema: Json = {
  type: 'object',
  properties: {
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          code: { type: 'string' },
          message: { type: 'string' },
          detail: { type: 'object', additionalProperties: true },
        },
        required: ['code', 'message'],
      },
    },
    requestId: { type: 'string' },
  },
  required: ['errors'],
};

function describe(op: Operation, schemas: Map<string, Json>): Json {
  const content = op.body === undefined ? undefined : jsonContent(toSchema(op.body, 'input', schemas));
  return {
    operationId: op.id,
    tags: [op.tag],
    summary: op.summary,
    description: `Who may: ${describeAccess(op)}. Refuses with: ${['every operation’s refusals', ...op.errors].join(', ')}.`,
    security: op.access.kind === 'public' ? [{}, { basic: [] }] : [{ basic: [] }],
    ...(op.access.kind === 'project' || op.access.kind === 'system'
      ? { 'x-permission': op.access.permission }
      : {}),
    parameters: [
      ...parameters(op.params, 'path'),
      ...parameters(op.query, 'query'),
      ...parameters(op.headers, 'header'),
    ],
    ...(content === undefined ? {} : { requestBody: { required: true, content } }),
    responses: {
      [statusOf(op)]: describeAnswer(op.answer, schemas),
      default: { description: 'Refused', content: jsonContent({ $ref: '#/components/schemas/Errors' }) },
    },
  };
}

function describeAccess(op: Operation): string {
  switch (op.access.kind) {
    case 'public':
      return 'everybody';
    case 'authenticated':
      return op.access.also ?? 'whoever signed in';
    case 'project':
      return `${op.access.permission} in the project`;
    case 'system':
      return `${op.access.permission} in the system`;
  }
}

function describeAnswer(answer: Answer, schemas: Map<string, Json>): Json {
  const headers = answerHeaders[answer.kind];
  const description = answer.kind === 'created' ? 'Created' : 'Done';
  if (answer.kind === 'text')
    return { description, content: { 'text/plain': { schema: { type: 'string' } } } };
  if (answer.kind === 'nothing' || answer.schema === undefined) return { description, headers };
  const schema = toSchema(answer.schema, 'output', schemas);
  return {
    description,
    headers,
    content: jsonContent(answer.kind === 'page' ? { type: 'array', items: schema } : schema),
  };
}

const text = { schema: { type: 'string' } };
const answerHeaders: Readonly<Record<Answer['kind'], Json>> = {
  body: {},
  'body-if-any': {},
  text: {},
  nothing: {},
  created: { Location: text },
  page: { 'X-Total-Count': { schema: { type: 'integer' } }, Link: text },
};

function jsonContent(schema: Json): Json {
  return { 'application/json': { schema } };
}

function parameters(shape: z.ZodObject | undefined, place: 'path' | 'query' | 'header'): Json[] {
  if (shape === undefined) return [];
  const schema = toSchema(shape, 'input', new Map());
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  return Object.entries(members(schema['properties'])).map(([name, each]) => {
    const { description, ...rest } = members(each);
    // flags come as words: their default is one in the schema of zod, and a flag in the document
    const whenAbsent =
      rest['type'] === 'boolean' && rest['default'] !== undefined
        ? { default: rest['default'] === 'true' }
        : {};
    return {
      name,
      in: place,
      required: place === 'path' || required.has(name),
      ...(description === undefined ? {} : { description }),
      schema: { ...rest, ...whenAbsent },
    };
  });
}

// zod puts each schema that has an id into $defs and refers to it there: they move into the components
function toSchema(schema: z.ZodType, io: 'input' | 'output', schemas: Map<string, Json>): Json {
  const written = JSON.stringify(z.toJSONSchema(schema, { io, unrepresentable: 'any' }));
  const json = members(JSON.parse(written.replaceAll('#/$defs/', '#/components/schemas/')));
  const { $schema: _, $defs, id, ...rest } = json;
  for (const [name, each] of Object.entries(members($defs))) schemas.set(name, withoutId(members(each)));
  if (typeof id !== 'string') return rest;
  schemas.set(id, rest);
  return { $ref: `#/components/schemas/${id}` };
}

// a JSON value as an object; what is none has no members
function members(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function withoutId({ id: _, ...rest }: Json): Json {
  return rest;
}
