import { connect, type Socket } from 'node:net';

/** One answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** What a connection answered to the bytes sent on it. `closed`: the registry ended it. */
export interface RawOutcome {
  readonly answers: readonly RawAnswer[];
  readonly closed: boolean;
  readonly milliseconds: number;
}

/**
 * Sends bytes as they are and reads until nothing more comes: the registry closed the connection, or `answers`
 * answers are whole, or so many milliseconds have passed.
 */
export function exchangeRaw(
  port: number,
  bytes: string | Buffer,
  answers = 1,
  patience = 2000,
): Promise<RawOutcome> {
  const begun = performance.now();
  const isHead = bytes.toString().startsWith('HEAD ');
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      const read = parseAnswers(Buffer.concat(chunks).toString('latin1'), isHead);
      resolve({ answers: read, closed, milliseconds: performance.now() - begun });
    };
    const timer = setTimeout(() => finish(false), patience);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (parseAnswers(Buffer.concat(chunks).toString('latin1'), isHead).length >= answers)
        setImmediate(finish, false);
    });
    socket.once('close', () => finish(true));
    // a connection that is reset is closed too; the event follows
    socket.on('error', () => undefined);
    socket.write(bytes);
  });
}

// Answers of the registry have a Content-Length; those of node's own parser end with the head.
function parseAnswers(text: string, isHead: boolean): RawAnswer[] {
  const found: RawAnswer[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(rest)?.[1];
    if (end === -1 || status === undefined) return found;
    const head = rest.slice(0, end);
    const length = isHead ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (rest.length < end + 4 + length) return found;
    found.push({ status: Number(status), head, body: rest.slice(end + 4, end + 4 + length) });
    rest = rest.slice(end + 4 + length);
  }
}
