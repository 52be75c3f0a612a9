import type { Access } from '../../libs/api-contract/src/access.ts';
import { fullPath, type Operation } from '../../libs/api-contract/src/operation.ts';
import { operations } from '../../libs/api-contract/src/operations.ts';

/** Writes every operation of the REST API in one line, by resource. */
export function generate(): { path: string; text: string }[] {
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  const text = `# REST API

Generated from libs/api-contract/src/operations.ts by \`pnpm gen\`; do not edit.

Every operation that there is; what is not here answers 404. Shapes, parameters and refusals:
[openapi.json](openapi.json). How to use it, and what of Harbor's API is still to come:
[the guide](../guides/rest-api.md). Permissions by role: [permissions](permissions.md).
${tags.map(toSection).join('')}`;
  return [{ path: 'docs/reference/rest-api.md', text }];
}

function toSection(tag: string): string {
  const rows = operations.filter((op) => op.tag === tag).map(toRow);
  return `\n## ${tag}\n\n| | path | does | for |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

function toRow(op: Operation): string {
  return `| ${op.method} | \`${fullPath(op)}\` | ${op.summary} | ${describeAccess(op.access)} |`;
}

function describeAccess(access: Access): string {
  switch (access.kind) {
    case 'public':
      return 'everybody';
    case 'authenticated':
      return access.also === undefined ? 'whoever signed in' : `whoever signed in; ${access.also}`;
    case 'project':
      return `\`${access.permission}\` in the project`;
    case 'system':
      return `\`${access.permission}\` in the system`;
  }
}
