import { accessSync, constants } from 'node:fs';
import { isIP } from 'node:net';
import { parseRedisUrl } from '@entrepot/jobs/redis-url';
import { z } from 'zod';

/** What is written into a setting of this kind, for the configuration reference. */
function taking<Value>(schema: z.ZodType<Value>, allowed: string): z.ZodType<Value> {
  return schema.meta({ allowed });
}

/** Any text that is not empty. */
export function text(): z.ZodString {
  return z.string();
}

/** A whole number within bounds. */
export function integer({ min, max }: { min: number; max: number }): z.ZodType<number> {
  const isWithin = (value: string): boolean =>
    /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max;
  const schema = z
    .string()
    .refine(isWithin, { error: `must be a whole number from ${min} to ${max}` })
    .transform(Number);
  return taking(schema, `${min}–${max}`);
}

/** `true` or `false`. */
export function flag(): z.ZodType<boolean> {
  const schema = z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((value) => value === 'true');
  return taking(schema, '`true`, `false`');
}

/** One of a few words. */
export function choice<const Word extends string>(words: readonly [Word, ...Word[]]): z.ZodType<Word> {
  const schema = z.enum(words, {
    error: `must be ${words.length === 1 ? words[0] : `one of ${words.join(', ')}`}`,
  });
  return taking(schema, words.map((word) => `\`${word}\``).join(', '));
}

/** The path of a file that this process can read. */
export function readableFile(): z.ZodType<string> {
  return z.string().refine(isReadable, { error: 'must name a file that this user can read' });
}

/** An http or https URL without path, query and credentials. */
export function baseUrl(): z.ZodType<string> {
  return z
    .string()
    .refine(isBaseUrl, {
      error: 'must be a URL of scheme and host alone, such as https://registry.example.com',
    })
    .transform((value) => new URL(value).origin);
}

/** A URL of PostgreSQL. */
export function postgresUrl(): z.ZodType<string> {
  return z
    .string()
    .regex(/^postgres(?:ql)?:\/\//, {
      error: 'must be a URL such as postgresql://user:password@host:5432/database',
    })
    .refine((value) => URL.canParse(value), {
      error: 'is not a URL: percent-encode special characters in user and password',
    });
}

/** A URL of Redis: one server, Sentinels, or a Cluster. */
export function redisUrl(): z.ZodType<string> {
  return z.string().refine((value) => parseRedisUrl(value) !== undefined, {
    error:
      'must be redis://user:password@host:6379/0, redis+sentinel://host:26379,host:26379/primary or redis+cluster://host:6379,host:6379, with rediss for TLS and special characters percent-encoded',
  });
}

/** IP addresses and networks in CIDR notation, separated by commas. */
export function addressList(): z.ZodType<string[]> {
  return z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .refine((parts) => parts.every(isAddressOrNetwork), {
      error: 'must be IP addresses or networks separated by commas, such as 10.0.0.0/8,192.168.1.5',
    });
}

function isAddressOrNetwork(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function isBaseUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  const isBare = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  return isBare && (url.protocol === 'http:' || url.protocol === 'https:');
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
