import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@entrepot/telemetry/logger';
import { answerNoRequest } from './answer-no-request.ts';
import { listen, publicSettings } from './listen.ts';
import { OpenAnswers } from './open-answers.ts';
import type { TlsMaterial } from './tls-files.ts';

/** An app of this process that answers requests. */
export interface RequestHandler {
  handle(req: IncomingMessage, res: ServerResponse): void;
}

/** The apps behind the port. */
export interface FrontApps {
  /** `/v2` and everything below it. */
  readonly registry: RequestHandler;
  /** Everything else. */
  readonly core: RequestHandler;
}

// A push may take hours: it is ended by its idle time and minimum rate (libs/ingest), never by its length.
const serverOptions = {
  requestTimeout: 0,
  headersTimeout: 30_000,
  // longer than the proxies in front keep theirs, so that it is they who close
  keepAliveTimeout: 75_000,
  noDelay: true,
  // what a body may run ahead of a storage that is behind: times 200 uploads this is memory
  highWaterMark: 128 * 1024,
  maxHeaderSize: 32 * 1024,
};

/** The one port: takes connections, tells the registry's requests from all others, and ends them in good order. */
export class Front {
  readonly server: Server;
  readonly #apps: Partial<FrontApps>;
  readonly #open = new OpenAnswers();
  readonly #refused = new WeakSet<ServerResponse>();
  readonly #connections = new Set<Socket>();
  /** Those that have had no request yet. */
  readonly #fresh = new Set<Socket>();
  readonly #log: Logger;
  #stopping = false;
  #refusing = false;

  /** An app that is left out runs in another process: its requests are not found here. */
  constructor(apps: Partial<FrontApps>, tls: TlsMaterial | undefined, log: Logger) {
    this.#apps = apps;
    this.#log = log;
    const take = (req: IncomingMessage, res: ServerResponse): void => this.#take(req, res);
    this.server =
      tls === undefined
        ? createHttpServer(serverOptions, take)
        : createHttpsServer({ ...serverOptions, ...tls }, take);
    this.server.on('clientError', (error: Error, socket: Socket) => this.#takeNoRequest(error, socket));
    this.server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#connections.add(socket);
      this.#fresh.add(socket);
      socket.once('close', () => {
        this.#connections.delete(socket);
        this.#fresh.delete(socket);
      });
    });
  }

  /** Takes connections. Returns the port. Throws `CONFIG_INVALID` when the address cannot be had. */
  async start(host: string, port: number): Promise<number> {
    return await listen(this.server, { host, port, settings: publicSettings, log: this.#log });
  }

  /** Uses another certificate for the connections to come. */
  renewTls(material: TlsMaterial): void {
    if (this.server instanceof HttpsServer) this.server.setSecureContext(material);
  }

  /**
   * Takes no more connections and lets the requests in flight end. Connections that are there may be used once more:
   * a fresh one for a moment, since whoever made it cannot know and a proxy sends nothing twice, any other one for
   * `idleMs`, so that a proxy which keeps its connections for less never uses one that is being closed. What has not
   * ended after `patienceMs` is refused with 503, or cut off where the answer had begun.
   */
  async stop(patienceMs: number, idleMs = 0): Promise<void> {
    this.#stopping = true;
    // that of an HTTP server would end idle connections as well
    const closed = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.server, () => resolve());
    });
    const begun = Date.now();
    while (this.#connections.size > 0 && Date.now() < begun + idleMs) await sleep(20);
    this.#refusing = true;
    this.server.closeIdleConnections();
    const isWaitedFor = (): boolean =>
      this.#open.size > 0 || (this.#fresh.size > 0 && Date.now() < begun + firstRequestMs);
    while (isWaitedFor() && Date.now() < begun + patienceMs) await sleep(20);
    for (const res of this.#open.list()) this.#refuse(res);
    // refusals are on their way; whoever does not read them is cut off
    await Promise.race([closed, sleep(this.#open.size === 0 ? 0 : longestLinger + 200)]);
    this.server.closeAllConnections();
    await closed;
  }

  /**
   * A request that came while the one before it is being answered waits for its turn to use the connection. What an
   * app wrote earlier would be kept in memory, and when the connection ends Node never calls back for it; some
   * releases do not even close such an answer.
   */
  #take(req: IncomingMessage, res: ServerResponse): void {
    if (res.socket !== null) {
      this.#answer(req, res);
      return;
    }
    res.once('socket', (socket: Socket) => {
      if (!socket.destroyed) this.#answer(req, res);
    });
  }

  // an answer that has begun on this connection must not be mixed with another
  #takeNoRequest(error: Error, socket: Socket): void {
    const hasBegun = this.#open.list().some((res) => res.socket === socket && res.headersSent);
    if (hasBegun) socket.destroy();
    else answerNoRequest(error, socket);
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    this.#open.add(res);
    const isFirst = this.#fresh.delete(req.socket);
    if (this.#refusing && !isFirst) {
      this.#refuse(res);
      return;
    }
    if (this.#stopping) res.shouldKeepAlive = false;
    const app = isRegistryPath(req.url ?? '/') ? this.#apps.registry : this.#apps.core;
    if (app === undefined) answerAstray(req, res);
    else app.handle(req, res);
  }

  #refuse(res: ServerResponse): void {
    if (this.#refused.has(res)) return;
    this.#refused.add(res);
    refuse(res);
  }
}

/** Whether a raw request target is the distribution API's, before any decoding. */
export function isRegistryPath(url: string): boolean {
  if (!url.startsWith('/v2')) return false;
  return url.length === 3 || url[3] === '/' || url[3] === '?';
}

const astray = JSON.stringify({
  errors: [
    {
      code: 'NOT_FOUND',
      message: 'another process serves this path: let the proxy send /v2/ to registry and all else to core',
    },
  ],
});

// whatever body comes with it ends with the connection
function answerAstray(req: IncomingMessage, res: ServerResponse): void {
  res.shouldKeepAlive = false;
  res.writeHead(404, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(astray) });
  res.end(req.method === 'HEAD' ? undefined : astray);
}

const longestLinger = 700;
const firstRequestMs = 250;

// Both APIs have this form of errors (OCI distribution specification §error codes; Harbor's API).
const refusal = JSON.stringify({
  errors: [{ code: 'UNAVAILABLE', message: 'the registry is stopping; try again shortly' }],
});

// A connection that is closed while bytes come in is reset, and the refusal can be lost with it (RFC 9112 section
// 9.6): they are read until the client has seen it and closes, or for a while.
function refuse(res: ServerResponse): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { req } = res;
  res.writeHead(503, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(refusal),
    'Retry-After': '5',
    Connection: 'close',
  });
  if (req.complete || req.destroyed || req.method === 'HEAD') {
    res.end(refusal);
    return;
  }
  res.write(refusal);
  const timer = setTimeout(() => res.end(), longestLinger);
  req.resume().once('close', () => {
    clearTimeout(timer);
    res.end();
  });
}
