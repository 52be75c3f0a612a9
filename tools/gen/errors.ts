import { wireErrors } from '../../apps/core/src/http/error-table.ts';
import { registryErrors } from '../../apps/registry/src/registry-error.ts';
import { errorCodes, type ErrorCode } from '../../libs/errors/src/error-code.ts';

/** Writes the closed list of error codes, with what each edge makes of them. */
export function generate(): { path: string; text: string }[] {
  const rows = Object.entries(errorCodes).map(([code, meaning]) => toRow(code as ErrorCode, meaning));
  const text = `# Errors

Generated from libs/errors/src/error-code.ts and the tables of the apps by \`pnpm gen\`; do not edit.

Every refusal has one of these codes, and the log shows it as \`code\` in the line of the request (those of pulls, and of
clients that have yet to log in, at \`debug\`). What a client sees is made of it: on \`/v2/\` a status and
a code of the OCI distribution specification, on \`/api/v2.0\` a status and a code that Harbor's clients know, both in
\`{"errors": [{"code", "message"}]}\`. The message names cause and fix, and may change; the codes do not.

| code | meaning | \`/v2/\` | \`/api/v2.0\` |
|---|---|---|---|
${rows.join('\n')}
`;
  return [{ path: 'docs/reference/errors.md', text }];
}

function toRow(code: ErrorCode, meaning: string): string {
  const wire = [registryErrors[code], wireErrors[code]].map((each) => `${each.status} \`${each.code}\``);
  return `| \`${code}\` | ${meaning} | ${wire.join(' | ')} |`;
}
