import { registryErrors } from '../../apps/registry/src/registry-error.ts';
import { errorCodes, type ErrorCode } from '../../libs/errors/src/error-code.ts';

/** Writes the closed list of error codes, with what each edge makes of them. */
export function generate(): { path: string; text: string }[] {
  const rows = Object.entries(errorCodes).map(([code, meaning]) => toRow(code as ErrorCode, meaning));
  const text = `# Errors

Generated from libs/errors/src/error-code.ts and the tables of the apps by \`pnpm gen\`; do not edit.

Every refusal has one of these codes. The log shows it as \`code\`; a response shows what its API has for it:
\`/v2/\` a status and a code of the OCI distribution specification, in \`{"errors": [{"code", "message", "detail"}]}\`.
The message names cause and fix, and may change; the codes do not.

| code | meaning | \`/v2/\` |
|---|---|---|
${rows.join('\n')}
`;
  return [{ path: 'docs/reference/errors.md', text }];
}

function toRow(code: ErrorCode, meaning: string): string {
  const registry = registryErrors[code];
  return `| \`${code}\` | ${meaning} | ${registry.status} \`${registry.code}\` |`;
}
