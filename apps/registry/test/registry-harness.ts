import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authenticator } from '@entrepot/access/authenticate';
import { ensureAdministrator } from '@entrepot/access/bootstrap';
import { RequestOrigins } from '@entrepot/access/request-origin';
import { ActiveSigningKey, loadVerificationKeys, rotateSigningKeys } from '@entrepot/access/signing-keys';
import { TokenService, tokenAudience, tokenIssuer, type TokenCredentials } from '@entrepot/access/token-service';
import { TrustedProxies } from '@entrepot/access/trusted-proxies';
import { ContentStore } from '@entrepot/content-store/content-store';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { isAppError } from '@entrepot/errors/app-error';
import { KeyRing } from '@entrepot/identity/key-ring';
import { SecretBox } from '@entrepot/identity/secret-box';
import { TokenVerifier } from '@entrepot/identity/token-verifier';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { createLogger } from '@entrepot/telemetry/logger';
import { createMetrics } from '@entrepot/telemetry/metrics';
import { createRegistry, type Registry } from '../src/registry.ts';

/** The administrator's password in every test. */
export const adminPassword = 'Correct-Horse-9';

/** A registry on a port of its own, with a token service beside it as in production. */
export interface RunningRegistry {
  readonly url: string;
  readonly host: string;
  readonly test: TestDatabase;
  readonly storageRoot: string;
  readonly store: ContentStore;
  /** The clock that tokens are judged by: add milliseconds to let them age. */
  readonly time: { offset: number };
  token(credentials: { username: string; password: string } | undefined, ...scopes: string[]): Promise<string>;
  close(): Promise<void>;
}

/** What a test may set. */
export interface HarnessOptions {
  readonly readOnly?: boolean;
  readonly tokenSeconds?: number;
}

/** Starts one on its own database and directory. */
export async function startRegistry(options: HarnessOptions = {}): Promise<RunningRegistry> {
  const test = await createTestDatabase();
  const { database } = test;
  const storageRoot = await mkdtemp(join(tmpdir(), 'entrepot-registry-'));
  const store = new ContentStore(new FilesystemDriver({ root: storageRoot }));
  const log = createLogger({ level: 'silent' });
  const time = { offset: 0 };
  const clock = { now: () => Date.now() + time.offset };
  const box = new SecretBox('a secret key of the tests, long enough');
  await ensureAdministrator(database, adminPassword);
  await rotateSigningKeys(database, box, { algorithm: 'EdDSA' });
  const keys = new KeyRing({ load: () => loadVerificationKeys(database), clock, log });
  await keys.start();
  const verifier = new TokenVerifier({ keys, issuer: tokenIssuer, audience: tokenAudience, clock });
  const authenticator = new Authenticator({ database });
  const signingKey = new ActiveSigningKey(database, box, clock);
  const tokens = new TokenService({ database, authenticator, signingKey, clock, lifetimeSeconds: options.tokenSeconds ?? 300, verifier });
  const registry = createRegistry(
    { readOnly: options.readOnly ?? false, manifestCacheBytes: 8 * 1024 * 1024 },
    {
      database,
      store,
      access: { verifier, authenticator, origins: new RequestOrigins(new TrustedProxies(), log) },
      uploadIdKey: box.keyFor('upload-id'),
      log,
      metrics: createMetrics({ processMetrics: false }),
    },
  );
  await registry.start();
  const server = createServer({ requestTimeout: 0 }, (req, res) => route(registry, tokens, req, res));
  const port = await listen(server);
  const token = async (credentials: { username: string; password: string } | undefined, ...scopes: string[]): Promise<string> => {
    const shown: TokenCredentials = credentials === undefined ? { kind: 'none' } : { kind: 'basic', ...credentials };
    return (await tokens.issueTokens({ service: tokenAudience, scopes, credentials: shown, offline: false })).token;
  };
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await registry.stop();
    keys.stop();
    await test.close();
    await rm(storageRoot, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, test, storageRoot, store, time, token, close };
}

function route(registry: Registry, tokens: TokenService, req: IncomingMessage, res: ServerResponse): void {
  if (req.url?.startsWith('/service/token') === true) void answerToken(tokens, req, res);
  else registry.handle(req, res);
}

async function answerToken(tokens: TokenService, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { searchParams } = new URL(req.url ?? '/', 'http://localhost');
  const basic = /^Basic (.+)$/.exec(req.headers.authorization ?? '')?.[1];
  const [username = '', password = ''] = Buffer.from(basic ?? '', 'base64').toString().split(/:(.*)/s);
  const credentials: TokenCredentials = basic === undefined ? { kind: 'none' } : { kind: 'basic', username, password };
  try {
    const service = searchParams.get('service') ?? undefined;
    const body = await tokens.issueTokens({ service, scopes: searchParams.getAll('scope'), credentials, offline: false });
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  } catch (error) {
    res.writeHead(isAppError(error, 'UNAUTHORIZED') ? 401 : 400).end(String(error));
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
