import { z } from 'zod';
import { configSchema, environmentName, isSecret } from './config.ts';

/** A setting as the reference shows it. */
export interface SettingDescription {
  /** Its variable, and for a secret that of its file. */
  readonly names: readonly string[];
  /** As one would write it; `undefined` when there is none. */
  readonly default: string | undefined;
  readonly text: string;
}

/** All settings, in the order of the schema. */
export function describeSettings(): SettingDescription[] {
  return Object.entries<z.ZodType>(configSchema.shape).map(([member, schema]) => {
    const name = environmentName(member);
    return {
      names: isSecret(schema) ? [name, `${name}_FILE`] : [name],
      default: defaultOf(schema),
      text: schema.description ?? '',
    };
  });
}

function defaultOf(schema: z.ZodType): string | undefined {
  if (!(schema instanceof z.ZodDefault)) return undefined;
  const value: unknown = schema.def.defaultValue;
  return Array.isArray(value) ? value.join(',') : String(value);
}
