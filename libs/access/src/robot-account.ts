import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { matchesRobotSecret } from '@entrepot/identity/robot-secret';
import type { Account } from './account.ts';
import type { LoginAttempt } from './login-failures.ts';
import type { RobotPrincipal } from './principal.ts';
import { formatRobotName, type RobotName } from './robot-name.ts';

interface RobotRow {
  readonly id: number;
  readonly name: string;
  readonly project_id: number | null;
  readonly project: string | null;
  readonly disabled: boolean;
  readonly expired: boolean;
  readonly access_version: number;
  readonly credential_version: number;
  readonly secrets: readonly Buffer[];
  readonly use_noted: boolean;
  readonly has_failures: boolean;
}

const columns = `r.id, r.name, r.project_id, p.name AS project, r.disabled,
  coalesce(r.expires_at <= now(), false) AS expired, r.access_version, r.credential_version`;
const source = 'robot r LEFT JOIN project p ON p.id = r.project_id';
const alive = '(r.project_id IS NULL OR p.deleted_at IS NULL)';

const byName = statement<RobotRow>(
  'robot.authenticate',
  `SELECT ${columns},
     ARRAY(SELECT s.secret_hash FROM robot_secret s
       WHERE s.robot_id = r.id AND (s.valid_until IS NULL OR s.valid_until > now())) AS secrets,
     coalesce(r.last_used_at > now() - interval '1 minute' AND r.last_used_from IS NOT DISTINCT FROM $4, false) AS use_noted,
     EXISTS (SELECT 1 FROM login_failure f WHERE f.account = $3 AND f.address = coalesce($4, '')) AS has_failures
   FROM ${source} WHERE r.name = $1 AND ${alive} AND coalesce(r.project_id, 0) =
     CASE WHEN $2::text IS NULL THEN 0 ELSE (SELECT id FROM project WHERE name = $2 AND deleted_at IS NULL) END`,
);
const byId = statement<RobotRow>(
  'robot.principal',
  `SELECT ${columns} FROM ${source} WHERE r.id = $1 AND ${alive}
     AND NOT r.disabled AND (r.expires_at IS NULL OR r.expires_at > now())`,
);
const use = statement(
  'robot.use',
  'UPDATE robot SET last_used_at = now(), last_used_from = $2 WHERE id = $1',
);

/** The account that a machine logs in to. */
export async function findRobotAccount(
  database: Database,
  name: RobotName,
  attempt: LoginAttempt,
): Promise<Account | undefined> {
  const values = [name.name, name.project ?? null, attempt.account, attempt.address ?? null];
  const [row] = await database.run(byName, values);
  if (row === undefined) return undefined;
  return {
    principal: toPrincipal(row),
    refusal: refusalOf(row),
    hasFailures: row.has_failures,
    check: async (secret) => matchesRobotSecret(secret, row.secrets),
    noteUse: async () => {
      // at most once a minute and place: a robot may ask for hundreds of tokens in that time
      if (!row.use_noted) await database.run(use, [row.id, attempt.address ?? null]);
    },
  };
}

/** A robot by id, as the row says now; `undefined` when it is deleted, disabled or expired. */
export async function findRobotPrincipal(
  database: Database,
  id: number,
): Promise<RobotPrincipal | undefined> {
  const [row] = await database.run(byId, [id]);
  return row === undefined ? undefined : toPrincipal(row);
}

function refusalOf(row: RobotRow): string | undefined {
  if (row.disabled) return 'this robot is disabled; whoever manages it can enable it again';
  if (row.expired) return 'this robot has expired; whoever manages it can extend its duration';
  return undefined;
}

function toPrincipal(row: RobotRow): RobotPrincipal {
  return {
    kind: 'robot',
    id: row.id,
    name: formatRobotName({ project: row.project ?? undefined, name: row.name }),
    projectId: row.project_id ?? undefined,
    version: row.access_version,
    credentialVersion: row.credential_version,
  };
}
