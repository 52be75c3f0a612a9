import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ObjectServer } from './object-server.ts';

/** What the proxy does to a request: lets it through, drops its answer, never answers, or cuts its answer after some bytes. */
export type Cut = 'none' | 'answer' | 'silence' | { readonly afterBytes: number };

/** A proxy in front of a server that loses answers, as networks do; the server has done what it was asked. */
export class CuttingProxy implements ObjectServer {
  readonly credentials: ObjectServer['credentials'];
  endpoint = '';
  /** Asked for each request. */
  cut: (message: IncomingMessage) => Cut = () => 'none';
  readonly #behind: URL;
  readonly #server: Server;

  private constructor(server: ObjectServer) {
    this.credentials = server.credentials;
    this.#behind = new URL(server.endpoint);
    this.#server = createServer((message, answer) => this.#pass(message, answer));
  }

  static async start(server: ObjectServer): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(server);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    const address = proxy.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    proxy.endpoint = `http://127.0.0.1:${address.port}`;
    return proxy;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(message: IncomingMessage, answer: ServerResponse): void {
    const cut = this.cut(message);
    if (cut === 'silence') return;
    const { hostname, port } = this.#behind;
    const { method, url, headers } = message;
    // the host is signed, and stays the one that the client used
    const behind = request({ hostname, port, method, path: url, headers }, (its) => {
      if (cut === 'answer') {
        its.resume().once('end', () => answer.destroy());
        return;
      }
      answer.writeHead(its.statusCode ?? 502, its.headers);
      let sent = 0;
      its.on('data', (chunk: Buffer) => {
        sent += chunk.length;
        answer.write(chunk);
        if (typeof cut === 'object' && sent > cut.afterBytes) answer.destroy();
      });
      its.once('end', () => answer.end());
    });
    behind.on('error', () => answer.destroy());
    message.pipe(behind);
  }
}
