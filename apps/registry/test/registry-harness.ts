import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authenticator } from '@entrepot/access/authenticate';
import { ensureAdministrator } from '@entrepot/access/bootstrap';
import type { FirstPushPolicy } from '@entrepot/access/first-push';
import { RequestOrigins } from '@entrepot/access/request-origin';
import { ActiveSigningKey, loadVerificationKeys, rotateSigningKeys } from '@entrepot/access/signing-keys';
import {
  TokenService,
  tokenAudience,
  tokenIssuer,
  type TokenCredentials,
} from '@entrepot/access/token-service';
import { TrustedProxies } from '@entrepot/access/trusted-proxies';
import { ContentStore } from '@entrepot/content-store/content-store';
import { writeIdentity } from '@entrepot/content-store/identity';
import { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { isAppError } from '@entrepot/errors/app-error';
import { KeyRing } from '@entrepot/identity/key-ring';
import { SecretBox } from '@entrepot/identity/secret-box';
import { TokenVerifier } from '@entrepot/identity/token-verifier';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { createLogger, type Logger } from '@entrepot/telemetry/logger';
import { createMetrics } from '@entrepot/telemetry/metrics';
import { createRegistry, type Registry } from '../src/registry.ts';

/** The administrator's password in every test. */
export const adminPassword = 'Correct-Horse-9';

/** A name and its secret. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** The administrator's log-in in every test. */
export const admin: Login = { username: 'admin', password: adminPassword };

/** One registry process, as far as its database and storage can tell: on a port and with connections of its own. */
export interface Replica {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly store: ContentStore;
  /** A token as the token service issues it, for the given scopes. */
  token(login: Login | undefined, ...scopes: string[]): Promise<string>;
  close(): Promise<void>;
}

/** A registry on a port of its own, with a token service beside it as in production. */
export interface RunningRegistry extends Replica {
  readonly test: TestDatabase;
  readonly storageRoot: string;
  /** The clock that tokens are judged by: add milliseconds to let them age. */
  readonly time: { offset: number };
  /** Another process over the same database and storage. Closed with this one, or before it. */
  another(options?: HarnessOptions): Promise<Replica>;
}

/** What a test may set. */
export interface HarnessOptions {
  readonly readOnly?: boolean;
  readonly tokenSeconds?: number;
  readonly firstPush?: FirstPushPolicy;
  /** Peers whose X-Forwarded headers are believed; loopback unless set. */
  readonly trustedProxies?: readonly string[];
  readonly bodyIdleMs?: number;
  readonly onlyProcess?: boolean;
  /** Where its log goes; nowhere unless set. */
  readonly log?: Logger;
  /** The path under which a proxy in front serves the directory of the blobs. */
  readonly proxyPrefix?: string;
}

interface Shared {
  readonly storageRoot: string;
  readonly box: SecretBox;
  readonly time: { offset: number };
}

// those of the launcher
const serverOptions = {
  requestTimeout: 0,
  headersTimeout: 30_000,
  noDelay: true,
  highWaterMark: 128 * 1024,
  maxHeaderSize: 32 * 1024,
};

/** Starts one on its own database and directory. */
export async function startRegistry(options: HarnessOptions = {}): Promise<RunningRegistry> {
  const test = await createTestDatabase();
  const storageRoot = await mkdtemp(join(tmpdir(), 'entrepot-registry-'));
  const time = { offset: 0 };
  const shared: Shared = { storageRoot, time, box: new SecretBox('a secret key of the tests, long enough') };
  await ensureAdministrator(test.database, adminPassword);
  await rotateSigningKeys(test.database, shared.box, { algorithm: 'EdDSA' });
  const first = await launch(test.database, shared, options);
  await writeIdentity(first.store, { instance: randomUUID(), format: 1, epoch: 1 });
  const others: Replica[] = [];
  const another = async (otherOptions: HarnessOptions = {}): Promise<Replica> => {
    const database = await Database.connect({ connection: test.connection, poolSize: 4 });
    const replica = await launch(database, shared, { ...options, ...otherOptions });
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => (closing ??= replica.close().then(() => database.close()));
    const closable = { ...replica, close };
    others.push(closable);
    return closable;
  };
  const close = async (): Promise<void> => {
    await Promise.all(others.map((replica) => replica.close()));
    await first.close();
    await test.close();
    await rm(storageRoot, { recursive: true, force: true });
  };
  return { ...first, test, storageRoot, time, another, close };
}

async function launch(database: Database, shared: Shared, options: HarnessOptions): Promise<Replica> {
  const { box, storageRoot, time } = shared;
  const log = options.log ?? createLogger({ level: 'silent' });
  const clock = { now: () => Date.now() + time.offset };
  const { proxyPrefix } = options;
  const store = new ContentStore(
    new FilesystemDriver({ root: storageRoot, ...(proxyPrefix === undefined ? {} : { proxyPrefix }) }),
  );
  const keys = new KeyRing({ load: () => loadVerificationKeys(database), clock, log });
  await keys.start();
  const verifier = new TokenVerifier({ keys, issuer: tokenIssuer, audience: tokenAudience, clock });
  const authenticator = new Authenticator({ database });
  const tokens = new TokenService({
    database,
    authenticator,
    signingKey: new ActiveSigningKey(database, box, clock),
    clock,
    lifetimeSeconds: options.tokenSeconds ?? 300,
    firstPush: options.firstPush ?? 'off',
    verifier,
  });
  const origins = new RequestOrigins(new TrustedProxies(options.trustedProxies), log);
  const registry = createRegistry(
    {
      readOnly: options.readOnly ?? false,
      manifestCacheBytes: 8 * 1024 * 1024,
      onlyProcess: options.onlyProcess ?? false,
      ...(options.bodyIdleMs === undefined ? {} : { bodyIdleMs: options.bodyIdleMs }),
    },
    {
      database,
      store,
      access: { verifier, authenticator, origins, firstPush: options.firstPush ?? 'off' },
      uploadIdKey: box.keyFor('upload-id'),
      log,
      metrics: createMetrics({ processMetrics: false }),
    },
  );
  await registry.start();
  const server = createServer(serverOptions, (req, res) => route(registry, tokens, req, res));
  const port = await listen(server);
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await registry.stop();
    keys.stop();
  };
  const host = `127.0.0.1:${port}`;
  const token = (login: Login | undefined, ...scopes: string[]): Promise<string> =>
    issueToken(tokens, login, scopes);
  return { url: `http://${host}`, host, port, store, token, close };
}

async function issueToken(
  tokens: TokenService,
  login: Login | undefined,
  scopes: readonly string[],
): Promise<string> {
  const credentials: TokenCredentials = login === undefined ? { kind: 'none' } : { kind: 'basic', ...login };
  const { token } = await tokens.issueTokens({ service: tokenAudience, scopes, credentials, offline: false });
  return token;
}

function route(registry: Registry, tokens: TokenService, req: IncomingMessage, res: ServerResponse): void {
  if (req.url?.startsWith('/service/token') === true) void answerToken(tokens, req, res);
  else registry.handle(req, res);
}

async function answerToken(tokens: TokenService, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { searchParams } = new URL(req.url ?? '/', 'http://localhost');
  const basic = /^Basic (.+)$/.exec(req.headers.authorization ?? '')?.[1];
  const [username = '', password = ''] = Buffer.from(basic ?? '', 'base64')
    .toString()
    .split(/:(.*)/s);
  try {
    const token = await issueToken(
      tokens,
      basic === undefined ? undefined : { username, password },
      searchParams.getAll('scope'),
    );
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ token }));
  } catch (error) {
    res.writeHead(isAppError(error, 'UNAUTHORIZED') ? 401 : 400).end(String(error));
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
