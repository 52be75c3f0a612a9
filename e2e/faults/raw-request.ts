import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { RegistryUnderTest } from '../pusher.ts';
import { basic } from '../stack.ts';

/** A request whose every byte the test sends itself, on a connection of its own. */
export class RawRequest {
  readonly #socket: Socket;
  #answer = '';
  readonly #ended: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#answer += text;
    });
    // a server that has refused closes while bytes are still on their way to it
    socket.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      socket.once('close', () => resolve());
    });
  }

  /** Connects and sends the head of a request. */
  static async begin(
    entrepot: RegistryUnderTest & { readonly port: number },
    line: string,
    headers: Readonly<Record<string, string | number>>,
  ): Promise<RawRequest> {
    const socket = connect(entrepot.port, '127.0.0.1');
    await once(socket, 'connect');
    const request = new RawRequest(socket);
    const all = { Host: `127.0.0.1:${entrepot.port}`, Authorization: basic(entrepot.admin), ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    await request.send(Buffer.from(`${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`));
    return request;
  }

  /** Sends bytes and waits until the kernel has taken them. */
  async send(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
  }

  /** Goes away without a word, as a client that was unplugged or killed. */
  vanish(): void {
    this.#socket.resetAndDestroy();
  }

  /** The status line and headers and body of the answer, once the server has closed the connection. */
  async answerAtClose(): Promise<string> {
    await this.#ended;
    return this.#answer;
  }

  /** What has been answered as soon as it matches. */
  async answerOf(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#answer)) {
      if (this.#socket.destroyed) throw new Error(`the connection ended with: ${this.#answer}`);
      await Promise.race([once(this.#socket, 'data'), this.#ended]);
    }
    return this.#answer;
  }

  close(): void {
    this.#socket.destroy();
  }
}
