import { rightsInSystem } from '@entrepot/access/rights';
import type { Database } from '@entrepot/database/database';
import type { Permission } from '@entrepot/policy/permission';
import { can } from '@entrepot/policy/rights';
import { refuse, type Caller } from '../../http/caller.ts';

/** Lets users at what is their own, and everybody else who holds the permission in the system. */
export async function checkSelfOr(
  database: Database,
  { principal }: Caller,
  userId: number,
  permission: Permission,
): Promise<void> {
  if (principal.kind === 'user' && principal.id === userId) return;
  if (can(await rightsInSystem(database, principal), permission)) return;
  throw refuse(principal, `the permission ${permission} in the system`);
}
