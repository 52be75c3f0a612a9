import type { ErrorCode } from '@entrepot/errors/error-code';
import type { z } from 'zod';
import type { Access } from './access.ts';
import type { Answer, ResultOfAnswer } from './answer.ts';
import type { ListQuery } from './list-query.ts';

/** The methods of the REST API. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The prefix of every path that does not say otherwise. */
export const apiBase = '/api/v2.0';

/**
 * One operation of the REST API: the only place where its path, rights, shapes and errors are written. Routes,
 * checks, documentation and typed clients come from it.
 */
export interface Operation {
  /** Harbor's operationId, or our own in its style. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly method: Method;
  /** After {@link Operation.base}, with `{parameters}`. */
  readonly path: string;
  /** The prefix of the path; {@link apiBase} unless given. */
  readonly base?: string;
  readonly access: Access;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Request headers by their lower-case names. */
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answer: Answer;
  /** What it refuses with, beside the refusals of every operation. */
  readonly errors: readonly ErrorCode[];
}

/** Declares an operation, keeping the exact types of its shapes. */
export function operation<const Spec extends Operation>(spec: Spec): Spec {
  return spec;
}

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** What a handler of an operation is given: everything that the request carries, checked. */
export interface InputOf<Op extends Operation> {
  readonly params: Parsed<Op['params']>;
  readonly query: Parsed<Op['query']>;
  readonly headers: Parsed<Op['headers']>;
  readonly body: Parsed<Op['body']>;
  /** Filter, order and page, of operations that answer a page. */
  readonly list: Op['answer']['kind'] extends 'page' ? ListQuery : undefined;
}

/** What a handler of an operation returns. */
export type ResultOf<Op extends Operation> = ResultOfAnswer<Op['answer']>;

/** Whether a value is an operation, and not another export of a resource's file. */
export function isOperation(value: unknown): value is Operation {
  return typeof value === 'object' && value !== null && 'access' in value && 'answer' in value;
}

/** The whole path of an operation, with its `{parameters}`. */
export function fullPath(op: Operation): string {
  return (op.base ?? apiBase) + op.path;
}

/** The status of an operation's success. */
export function statusOf(op: Operation): 200 | 201 {
  return op.answer.kind === 'created' ? 201 : 200;
}
