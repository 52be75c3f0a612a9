import { z } from 'zod';
import { configSchema, environmentName, isSecret } from './config.ts';

/** A setting as the reference shows it. */
export interface SettingDescription {
  /** Its variable, and for a secret that of its file. */
  readonly names: readonly string[];
  /** As one would write it; `undefined` when there is none. */
  readonly default: string | undefined;
  /** The choices or the range; `undefined` where the text says what is written. */
  readonly allowed: string | undefined;
  readonly text: string;
}

/** All settings, in the order of the schema. */
export function describeSettings(): SettingDescription[] {
  return Object.entries<z.ZodType>(configSchema.shape).map(([member, schema]) => {
    const name = environmentName(member);
    return {
      names: isSecret(schema) ? [name, `${name}_FILE`] : [name],
      default: defaultOf(schema),
      allowed: allowedOf(schema),
      text: schema.description ?? '',
    };
  });
}

// it stands at the kind of the setting, which a default or its absence wraps
function allowedOf(schema: z.ZodType): string | undefined {
  const allowed = schema.meta()?.['allowed'];
  if (typeof allowed === 'string') return allowed;
  const isWrapped = schema instanceof z.ZodDefault || schema instanceof z.ZodOptional;
  return isWrapped && schema.def.innerType instanceof z.ZodType ? allowedOf(schema.def.innerType) : undefined;
}

function defaultOf(schema: z.ZodType): string | undefined {
  if (!(schema instanceof z.ZodDefault)) return undefined;
  const value: unknown = schema.def.defaultValue;
  return Array.isArray(value) ? value.join(',') : String(value);
}
