import pg from 'pg';
import { AppError } from '@entrepot/errors/app-error';
import { toPgConfig, type ConnectionOptions } from './connection-options.ts';
import { sqlState, translateDatabaseError } from './database-error.ts';

/** What a database, that may be of any version or of none, says of the instance that it belongs to. */
export interface KnownInstance {
  /** UUID. */
  readonly id: string;
  readonly epoch: number;
  /** What the secret key is recognised by; `undefined` before the first start has left it. */
  readonly secretKeyCheck: string | undefined;
  readonly hasContent: boolean;
}

/** What lies in a database. */
export interface DatabaseContent {
  /** Whether a version of this product has made its tables here. */
  readonly hasSchema: boolean;
  /** The tables, of whomever, beside those that belong to extensions. */
  readonly tables: readonly string[];
  /** `undefined` while nothing was started on it. */
  readonly instance: KnownInstance | undefined;
}

const mostNamed = 3;

const readTables = `SELECT to_regclass('schema_migration') IS NOT NULL AS has_schema, ARRAY(
    SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT EXISTS (
      SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname) AS tables`;

const readInstance = `SELECT instance_id, epoch, secret_key_check, EXISTS (SELECT 1 FROM blob) AS has_content
  FROM instance`;

interface InstanceRow {
  readonly instance_id: string;
  readonly epoch: number;
  readonly secret_key_check: string | null;
  readonly has_content: boolean;
}

/** Looks into a database and changes nothing. `UNAVAILABLE` when it does not answer. */
export async function inspectDatabase(connection: ConnectionOptions): Promise<DatabaseContent> {
  const client = new pg.Client({ ...toPgConfig(connection), connectionTimeoutMillis: 5_000 });
  // what breaks the connection rejects the query as well
  client.on('error', () => undefined);
  try {
    await client.connect();
    const found = await listTables(client);
    return { ...found, instance: found.hasSchema ? await findInstance(client) : undefined };
  } catch (error) {
    throw translateDatabaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Throws `CONFIG_INVALID` for a database that holds somebody else's tables, among which ours would be mixed. */
export function refuseForeignTables({ hasSchema, tables }: Omit<DatabaseContent, 'instance'>): void {
  if (hasSchema || tables.length === 0) return;
  const named = tables.slice(0, mostNamed).join(', ');
  const rest = tables.length > mostNamed ? ` and ${tables.length - mostNamed} more` : '';
  throw new AppError(
    'CONFIG_INVALID',
    `the database that ENTREPOT_DATABASE_URL names is not Entrepot's and not empty (it has the tables ${named}${rest}): ` +
      'name an empty one',
  );
}

/** The tables of a database, and whether they are this product's. */
export async function listTables(client: pg.Client): Promise<Omit<DatabaseContent, 'instance'>> {
  const { rows } = await client.query<{ has_schema: boolean; tables: string[] }>(readTables);
  return { hasSchema: rows[0]?.has_schema === true, tables: rows[0]?.tables ?? [] };
}

async function findInstance(client: pg.Client): Promise<KnownInstance | undefined> {
  try {
    const [row] = (await client.query<InstanceRow>(readInstance)).rows;
    if (row === undefined) return undefined;
    return {
      id: row.instance_id,
      epoch: row.epoch,
      secretKeyCheck: row.secret_key_check ?? undefined,
      hasContent: row.has_content,
    };
  } catch (error) {
    // the first migration has been begun, and no more
    if (sqlState(error) === '42P01') return undefined;
    throw error;
  }
}
