import type { Permission } from '@entrepot/policy/permission';

/**
 * Who may call an operation. The guard checks it before anything else is read; an operation without it does not
 * compile.
 */
export type Access =
  /** Everybody; what an answer holds may still depend on the caller. */
  | { readonly kind: 'public' }
  /** Whoever signed in. `also` says what the service checks beyond that. */
  | { readonly kind: 'authenticated'; readonly also?: string }
  /** Holders of the permission in the project that the path names. */
  | { readonly kind: 'project'; readonly permission: Permission }
  /** Holders of the permission in the system. */
  | { readonly kind: 'system'; readonly permission: Permission };

/** For everybody. */
export const anybody: Access = { kind: 'public' };

/** For whoever signed in; `also` documents a further check that needs more than the request's path. */
export function signedIn(also?: string): Access {
  return also === undefined ? { kind: 'authenticated' } : { kind: 'authenticated', also };
}

/** For holders of a permission in the project that the path names. */
export function inProject(permission: Permission): Access {
  return { kind: 'project', permission };
}

/** For holders of a permission in the system. */
export function inSystem(permission: Permission): Access {
  return { kind: 'system', permission };
}
