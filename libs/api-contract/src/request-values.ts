import { z } from 'zod';

/** A number in a path or query: decimal digits, within what a JSON number holds exactly. */
export const integerText = z
  .string()
  .regex(/^[+-]?\d{1,15}$/, 'must be a whole number')
  .meta({ type: 'integer', pattern: undefined })
  .transform(Number);

const truthy = new Set(['true', '1', 'yes', 'ok', 'y', 'on', 'selected', 'checked', 't', 'enabled']);

/** A flag in a query, read as Harbor does: anything that is not a word for yes means no. */
export const flagText = z
  .string()
  .meta({ type: 'boolean' })
  .transform((value) => truthy.has(value.toLowerCase()));

/** A flag in a query with its value when absent. */
export function flag(whenAbsent: boolean): z.ZodPrefault<typeof flagText> {
  return flagText.prefault(String(whenAbsent));
}

/** `page` and `page_size` of a list. */
export const pageParameters = {
  page: integerText.optional().meta({ description: 'The page, from 1.' }),
  page_size: integerText
    .refine((size) => size <= 100, 'must be 100 or less')
    .optional()
    .meta({ description: 'Entries on a page, 10 unless given; 0 for all.' }),
};

/** `q`, `sort`, `page` and `page_size` of a list. */
export const listParameters = {
  q: z
    .string()
    .optional()
    .meta({ description: 'Filter: k=v, k=~fuzzy, k=[min~max], k={any of}, k=(all of); joined by commas.' }),
  sort: z
    .string()
    .optional()
    .meta({ description: 'Order: names joined by commas, - before one for descending.' }),
  ...pageParameters,
};

/** The header that says whether `{project_name_or_id}` is a name. */
export const nameHeader = z.object({
  'x-is-resource-name': flag(false).meta({
    description: 'Whether the project in the path is a name; otherwise digits alone are an id.',
  }),
});

/** A time on the wire: RFC 3339 with milliseconds. */
export const timestamp = z.string().meta({ format: 'date-time' });

/** Path parameters of what is below a project, by name or id. */
export const projectParams = z.object({ project_name_or_id: z.string() });
