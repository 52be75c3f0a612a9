import { randomBytes } from 'node:crypto';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { hashRobotSecret } from '@entrepot/identity/robot-secret';
import type { KnownPrincipal, Principal } from './principal.ts';
import { findRobotPrincipal } from './robot-account.ts';
import { findUserPrincipal } from './user-account.ts';

const days = 30;

const insert = statement(
  'refresh-token.insert',
  `INSERT INTO refresh_token (token_hash, principal_kind, principal_id, credential_version, service, client_id, expires_at)
   VALUES ($1, $2, $3, $4, $5, $6, now() + interval '${days} days')`,
);
const use = statement<{ principal_kind: 'user' | 'robot'; principal_id: number; credential_version: number }>(
  'refresh-token.use',
  `UPDATE refresh_token SET last_used_at = now() WHERE token_hash = $1 AND service = $2 AND expires_at > now()
   RETURNING principal_kind, principal_id, credential_version`,
);
const prune = statement<{ id: number }>(
  'refresh-token.prune',
  `DELETE FROM refresh_token WHERE id IN (SELECT id FROM refresh_token WHERE expires_at < now() LIMIT $1) RETURNING id`,
);

/** Makes a refresh token (256 random bits; the database keeps its hash), good for 30 days or until the secret changes. */
export async function createRefreshToken(
  database: Database,
  principal: KnownPrincipal,
  purpose: { readonly service: string; readonly clientId: string | undefined },
): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  const { kind, id, credentialVersion } = principal;
  const clientId = purpose.clientId?.slice(0, 255) ?? null;
  await database.run(insert, [
    hashRobotSecret(token),
    kind,
    id,
    credentialVersion,
    purpose.service,
    clientId,
  ]);
  return token;
}

/**
 * The principal of a refresh token, as its row says now. `UNAUTHORIZED` when the token is unknown or expired,
 * its principal gone or disabled, or the secret that it was made with has changed since.
 */
export async function authenticateRefreshToken(
  database: Database,
  token: string,
  service: string,
): Promise<KnownPrincipal> {
  const [row] = await database.run(use, [hashRobotSecret(token), service]);
  const principal: Principal | undefined =
    row && (await findPrincipal(database, row.principal_kind, row.principal_id));
  if (
    row === undefined ||
    principal === undefined ||
    principal.credentialVersion !== row.credential_version
  ) {
    throw new AppError('UNAUTHORIZED', 'the refresh token does not hold any more; log in again');
  }
  return principal;
}

/** Removes up to `limit` expired refresh tokens. Returns how many went. */
export async function pruneRefreshTokens(database: Database, limit: number): Promise<number> {
  return (await database.run(prune, [limit])).length;
}

async function findPrincipal(
  database: Database,
  kind: 'user' | 'robot',
  id: number,
): Promise<KnownPrincipal | undefined> {
  return kind === 'user' ? await findUserPrincipal(database, id) : await findRobotPrincipal(database, id);
}
