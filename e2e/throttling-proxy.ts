import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const slice = 100;

/** A slow line: a TCP proxy that lets each connection send a bounded number of bytes a second towards the server. */
export class ThrottlingProxy {
  readonly host: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.host = `127.0.0.1:${port}`;
    server.on('connection', (socket) => this.#sockets.add(socket));
  }

  /** Starts one in front of `port`. `bytesPerSecond` counts what clients send; answers come at full speed. */
  static async start(port: number, bytesPerSecond: number): Promise<ThrottlingProxy> {
    const server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      proxy.#sockets.add(upstream);
      upstream.on('error', () => client.destroy());
      client.on('error', () => upstream.destroy());
      upstream.pipe(client);
      void passSlowly(client, upstream, bytesPerSecond).catch(() => upstream.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const proxy = new ThrottlingProxy(server, typeof address === 'object' ? (address?.port ?? 0) : 0);
    return proxy;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }
}

async function passSlowly(from: Readable, to: Socket, bytesPerSecond: number): Promise<void> {
  const portion = Math.max(1, Math.floor((bytesPerSecond * slice) / 1000));
  let due = performance.now();
  for await (const chunk of from) {
    const bytes = chunk as Buffer;
    for (let offset = 0; offset < bytes.length; offset += portion) {
      const part = bytes.subarray(offset, offset + portion);
      if (!to.write(part)) await once(to, 'drain');
      // time that nothing was sent in is no credit, time that a timer came late in is
      due = Math.max(due, performance.now() - slice) + (part.length / bytesPerSecond) * 1000;
      await sleep(Math.max(0, due - performance.now()));
    }
  }
  to.end();
}
