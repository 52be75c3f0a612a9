import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DenialRecord } from '@entrepot/access/audit';
import { Authenticator } from '@entrepot/access/authenticate';
import { RequestOrigins } from '@entrepot/access/request-origin';
import { ActiveSigningKey, rotateSigningKeys } from '@entrepot/access/signing-keys';
import { TokenService } from '@entrepot/access/token-service';
import { TrustedProxies } from '@entrepot/access/trusted-proxies';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { JobQueue } from '@entrepot/jobs/job-queue';
import { WakeQueue } from '@entrepot/jobs/wake-queue';
import { SecretBox } from '@entrepot/identity/secret-box';
import { systemClock } from '@entrepot/telemetry/clock';
import { createLogger, type Logger } from '@entrepot/telemetry/logger';
import { createMetrics } from '@entrepot/telemetry/metrics';
import type { CoreConfig } from '../src/core-config.ts';
import { createCore } from '../src/core.ts';

/** Who sends a request of a test: name and secret. */
export type As = readonly [name: string, secret: string];

/** Sends no credentials. */
export const nobody: As = ['', ''];

/** An answer as it came over the wire. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON, of whatever shape. */
  readonly json: any; // oxlint-disable-line typescript/no-explicit-any -- tests look into many shapes
}

/** What a test sends beside method, path and sender. */
export interface TestRequest {
  readonly body?: unknown;
  /** A body that is not to be made JSON. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The whole of core on a port of its own, with a real database. */
export interface TestCore {
  readonly database: Database;
  readonly connection: TestDatabase['connection'];
  readonly denials: DenialRecord;
  readonly port: number;
  /** Another session on the database, to force interleavings by hand. */
  session(): ReturnType<TestDatabase['session']>;
  /** Sends a request whose path is taken exactly as it is written. */
  send(method: string, path: string, as: As, more?: TestRequest): Promise<TestAnswer>;
  close(): Promise<void>;
}

const defaults: CoreConfig = {
  version: '0.0.0-test',
  readOnly: false,
  externalUrl: undefined,
  storageDriver: 'filesystem',
  health: {},
};

/** Starts core with a database of its own. */
export async function startTestCore(
  changes: Partial<CoreConfig> = {},
  log: Logger = createLogger({ level: 'error' }),
): Promise<TestCore> {
  const test = await createTestDatabase();
  const { database } = test;
  const box = new SecretBox('a key for tests, of forty characters....');
  await rotateSigningKeys(database, box, { algorithm: 'EdDSA' });
  const denials = new DenialRecord({ database, log });
  const authenticator = new Authenticator({ database, denials });
  const tokens = new TokenService({
    database,
    authenticator,
    signingKey: new ActiveSigningKey(database, box, systemClock),
    clock: systemClock,
    lifetimeSeconds: 300,
  });
  const origins = new RequestOrigins(new TrustedProxies(), log);
  const metrics = createMetrics({ processMetrics: false });
  // nobody receives its messages: there are no workers here
  const wakes = new WakeQueue({ kind: 'postgres', connection: test.connection }, log);
  const jobs = new JobQueue(database, wakes, log);
  const core = await createCore(
    { ...defaults, ...changes },
    { database, authenticator, tokens, origins, denials, jobs, log, metrics },
  );
  await core.start();
  const server = createServer((req, res) => core.handle(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    database,
    connection: test.connection,
    denials,
    session: () => test.session(),
    port: (server.address() as AddressInfo).port,
    send: (method, path, as, more = {}) => send(server, { method, path, as, more }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await core.stop();
      await wakes.close();
      await test.close();
    },
  };
}

interface Sending {
  readonly method: string;
  readonly path: string;
  readonly as: As;
  readonly more: TestRequest;
}

async function send(server: Server, { method, path, as, more }: Sending): Promise<TestAnswer> {
  const { port } = server.address() as AddressInfo;
  const body = more.raw ?? (more.body === undefined ? undefined : JSON.stringify(more.body));
  const headers: Record<string, string> = {
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    ...(as === nobody ? {} : { authorization: `Basic ${Buffer.from(as.join(':')).toString('base64')}` }),
    ...more.headers,
  };
  return await new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, method, path, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const isJson = res.headers['content-type']?.includes('json') === true && text !== '';
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          text,
          json: isJson ? JSON.parse(text) : undefined,
        });
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}
