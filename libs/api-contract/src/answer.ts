import type { z } from 'zod';

/** What an operation answers when it succeeds. */
export type Answer =
  /** 200 and a JSON body. */
  | { readonly kind: 'body'; readonly schema: z.ZodType }
  /** 200 and a JSON body, or one of no bytes when there is nothing to tell. */
  | { readonly kind: 'body-if-any'; readonly schema: z.ZodType }
  /** 200 and an array, with `X-Total-Count` and `Link`. */
  | { readonly kind: 'page'; readonly schema: z.ZodType }
  /** 201 with `Location`; without a schema its body has no bytes, as Harbor's clients expect. */
  | { readonly kind: 'created'; readonly schema?: z.ZodType }
  /** 200 and a body of no bytes. */
  | { readonly kind: 'nothing' }
  /** 200 and plain text. */
  | { readonly kind: 'text' };

/** One page of a list, and how many entries the list has in all. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly total: number;
}

/** Something new: the last segment of its `Location`, and the body where the operation has one. */
export interface Created<Body = undefined> {
  /** The path of the new thing, from the root: `/api/v2.0/projects/7`. */
  readonly location: string;
  readonly body: Body;
}

/** What a handler returns for an answer. */
export type ResultOfAnswer<A extends Answer> = A extends {
  kind: 'body';
  schema: infer Schema extends z.ZodType;
}
  ? z.input<Schema>
  : A extends { kind: 'body-if-any'; schema: infer Schema extends z.ZodType }
    ? z.input<Schema> | undefined
    : A extends { kind: 'page'; schema: infer Schema extends z.ZodType }
      ? Page<z.input<Schema>>
      : A extends { kind: 'created'; schema: infer Schema extends z.ZodType }
        ? Created<z.input<Schema>>
        : A extends { kind: 'created' }
          ? Created
          : A extends { kind: 'text' }
            ? string
            : void;

/** Answers a JSON body. */
export function body<const Schema extends z.ZodType>(schema: Schema): { kind: 'body'; schema: Schema } {
  return { kind: 'body', schema };
}

/** Answers a JSON body, or one of no bytes for `undefined`: clients of Harbor tell "none" by that. */
export function bodyIfAny<const Schema extends z.ZodType>(
  schema: Schema,
): { kind: 'body-if-any'; schema: Schema } {
  return { kind: 'body-if-any', schema };
}

/** Answers a page of entries. */
export function page<const Schema extends z.ZodType>(schema: Schema): { kind: 'page'; schema: Schema } {
  return { kind: 'page', schema };
}

/** Answers the place of something new, without a body. */
export const created = { kind: 'created' } as const;

/** Answers the place of something new and a body. */
export function createdWith<const Schema extends z.ZodType>(
  schema: Schema,
): { kind: 'created'; schema: Schema } {
  return { kind: 'created', schema };
}

/** Answers nothing but success. */
export const nothing = { kind: 'nothing' } as const;

/** Answers plain text. */
export const text = { kind: 'text' } as const;
