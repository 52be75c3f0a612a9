import { readFileSync } from 'node:fs';
import { createOpenApi } from '../../libs/api-contract/src/openapi.ts';
import { operations } from '../../libs/api-contract/src/operations.ts';

/** Writes the REST API as OpenAPI 3.1. */
export function generate(): { path: string; text: string }[] {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const document = createOpenApi(operations, version);
  return [{ path: 'docs/reference/openapi.json', text: `${JSON.stringify(document, undefined, 2)}\n` }];
}
