/** `<resource>:<action>`, such as `repository:push`. What it applies to (system or project) is said beside it. */
export type Permission = `${string}:${string}`;

/** Makes the permission of a resource and an action. */
export function permission(resource: string, action: string): Permission {
  return `${resource}:${action}`;
}

/** The resource and the action of a permission. The action is what follows the last colon. */
export function splitPermission(value: Permission): { resource: string; action: string } {
  const colon = value.lastIndexOf(':');
  return { resource: value.slice(0, colon), action: value.slice(colon + 1) };
}

/** Makes the permissions of a table `{resource: 'action action …'}`. */
export function permissionsOf(table: Readonly<Record<string, string>>): readonly Permission[] {
  return Object.entries(table).flatMap(([resource, actions]) =>
    actions.split(' ').map((action) => permission(resource, action)),
  );
}
