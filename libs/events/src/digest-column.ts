import { z } from 'zod';

const algorithms = { '01': 'sha256', '02': 'sha512' } as const;

/**
 * A digest as the database writes it into a payload, `encode(digest, 'hex')` with its algorithm byte, read as
 * `sha256:<hex>`. Consumers see the one form that the rest of the product uses.
 */
export const digestColumn = z
  .string()
  .regex(/^(01[0-9a-f]{64}|02[0-9a-f]{128})$/, 'not a digest of the database')
  .transform((column) => `${algorithms[column.startsWith('01') ? '01' : '02']}:${column.slice(2)}`);
