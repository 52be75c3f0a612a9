import { connect, type Socket } from 'node:net';

/** An answer; of the body only the beginning is kept. */
export interface Answer {
  readonly status: number;
  /** Head as it came, with the status line. */
  readonly head: string;
  /** What Content-Length says; undefined for a body in chunks. */
  readonly length: number | undefined;
  /** The first bytes of the body, for messages of error. */
  readonly excerpt: string;
}

/** Writes a body; resolves when the socket has taken it. */
export type BodyWriter = (connection: HttpConnection) => Promise<void>;

interface Waiting {
  readonly isHead: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const receiveBytes = 512 * 1024;
const excerptLength = 500;
const headEnd = Buffer.from('\r\n\r\n');
const lastChunk = '0\r\n\r\n';

/** HTTP/1.1 on one kept-alive socket, one request at a time. Bodies are counted and thrown away. */
export class HttpConnection {
  readonly #socket: Socket;
  #waiting: Waiting | undefined;
  #head = '';
  #answer: Answer | undefined;
  /** Bytes of the body still to come; -1 while it comes in chunks. */
  #left = 0;
  #tail = '';

  private constructor(port: number, connected: () => void, failed: (error: Error) => void) {
    const onread = { buffer: Buffer.allocUnsafe(receiveBytes), callback: this.#receive.bind(this) };
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread }, connected);
    this.#socket.on('error', (error) => {
      failed(error);
      this.#fail(error);
    });
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static async open(port: number): Promise<HttpConnection> {
    let connection: HttpConnection | undefined;
    await new Promise<void>((resolve, reject) => {
      connection = new HttpConnection(port, resolve, reject);
    });
    if (connection === undefined) throw new Error('no connection');
    return connection;
  }

  /** Sends `head` (with its empty line) and a body, and resolves when the whole answer is there. */
  request(head: string, isHead: boolean, body?: BodyWriter): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { isHead, resolve, reject };
      this.#socket.write(head, 'latin1');
      body?.(this).catch(reject);
    });
  }

  /** Sends a piece of a body; resolves when the next one may come. */
  write(piece: Uint8Array): Promise<void> | undefined {
    if (this.#socket.write(piece)) return undefined;
    return new Promise((resolve) => {
      this.#socket.once('drain', resolve);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(length: number, buffer: Uint8Array): boolean {
    const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, length);
    if (this.#answer === undefined) this.#receiveHead(bytes);
    else this.#receiveBody(bytes);
    return true;
  }

  #receiveHead(bytes: Buffer): void {
    const end = this.#head === '' ? bytes.indexOf(headEnd) : -1;
    if (end !== -1) {
      this.#begin(bytes.toString('latin1', 0, end), bytes.subarray(end + headEnd.length));
      return;
    }
    // a head in two pieces is rare
    this.#head += bytes.toString('latin1');
    const joined = this.#head.indexOf('\r\n\r\n');
    if (joined === -1) return;
    const whole = this.#head;
    this.#head = '';
    this.#begin(whole.slice(0, joined), Buffer.from(whole.slice(joined + headEnd.length), 'latin1'));
  }

  #begin(head: string, rest: Buffer): void {
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const status = Number(head.slice(9, 12));
    const isEmpty = this.#waiting?.isHead === true || status === 204;
    this.#answer = {
      status,
      head,
      length: length === undefined ? undefined : Number(length),
      excerpt: status >= 400 ? rest.toString('latin1', 0, excerptLength) : '',
    };
    this.#left = isEmpty ? 0 : length === undefined ? -1 : Number(length);
    this.#tail = '';
    this.#receiveBody(rest);
  }

  #receiveBody(bytes: Buffer): void {
    if (this.#left === -1) {
      this.#tail = (this.#tail + bytes.subarray(-lastChunk.length).toString('latin1')).slice(
        -lastChunk.length,
      );
      if (this.#tail === lastChunk) this.#finish();
      return;
    }
    this.#left -= bytes.length;
    if (this.#left < 0) this.#fail(new Error('more bytes than Content-Length said'));
    else if (this.#left === 0) this.#finish();
  }

  #finish(): void {
    const [waiting, answer] = [this.#waiting, this.#answer];
    this.#waiting = undefined;
    this.#answer = undefined;
    if (answer !== undefined) waiting?.resolve(answer);
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
