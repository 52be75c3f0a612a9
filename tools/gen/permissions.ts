import { splitPermission, type Permission } from '../../libs/policy/src/permission.ts';
import { projectPermissionTable, roleLetters } from '../../libs/policy/src/project-permissions.ts';
import { robotProjectPermissions, robotSystemPermissions } from '../../libs/policy/src/robot-catalogue.ts';
import { systemPermissions } from '../../libs/policy/src/system-permissions.ts';

/** Writes the tables of libs/policy as a page. */
export function generate(): { path: string; text: string }[] {
  const text = `# Permissions

Generated from libs/policy by \`pnpm gen\`; do not edit.

A permission is \`<resource>:<action>\` and holds in one place: in one project, or in the system. Administrators
may do everything. A member holds what its roles hold together, and in a public project also what everybody may.

## Inside projects

The resource \`project\` is the project itself. \`metadata:list\` is held by no role: administrators have it, and
robots may be given it.

${roleTable()}

Pushing needs \`repository:push\`, pulling \`repository:pull\`, deleting by the distribution API \`artifact:delete\`.

## Robots: inside projects

${byResource(robotProjectPermissions)}

## Robots: in the system

${byResource(robotSystemPermissions)}

## Administrators: in the system

What \`GET /users/current/permissions?scope=/system\` lists for an administrator.

${byResource(systemPermissions)}
`;
  return [{ path: 'docs/reference/permissions.md', text }];
}

function roleTable(): string {
  const roles = Object.entries(roleLetters);
  const rows = Object.entries(projectPermissionTable).flatMap(([resource, actions]) =>
    Object.entries(actions).map(([action, holders]) => {
      const marks = roles.map(([, letter]) => (holders.includes(letter) ? '✔' : ''));
      return `| ${resource} | ${action} | ${marks.join(' | ')} |`;
    }),
  );
  const names = roles.map(([name]) => (name === 'everybody' ? 'everybody, if public' : name));
  return [
    `| resource | action | ${names.join(' | ')} |`,
    `|---|---|${names.map(() => ':-:').join('|')}|`,
    ...rows,
  ].join('\n');
}

function byResource(permissions: readonly Permission[]): string {
  const actions = new Map<string, string[]>();
  for (const each of permissions) {
    const { resource, action } = splitPermission(each);
    actions.set(resource, [...(actions.get(resource) ?? []), action]);
  }
  const rows = [...actions].map(([resource, list]) => `| ${resource} | ${list.join(', ')} |`);
  return ['| resource | actions |', '|---|---|', ...rows].join('\n');
}
