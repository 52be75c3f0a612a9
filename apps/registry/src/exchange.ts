import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '@entrepot/errors/app-error';
import { ociError } from '@entrepot/oci/error-code';
import { formatUploadRange } from '@entrepot/oci/range';
import { toErrorAnswer } from './registry-error.ts';

// what Go's server, which clients are tried against, reads before it answers
const smallBody = 256 * 1024;
const longestDiscard = 2_000;
const longestLinger = 1_000;
const requestIdPattern = /^[A-Za-z0-9._-]{1,64}$/;

/** Up to this size a body is joined with its headers. */
const joinedBytes = 16 * 1024;

/** Header names and values in turn, the form that node writes fastest. */
export type HeaderList = (string | number)[];

/**
 * One request and its answer. Nothing is computed before it is asked for: most requests need neither an id nor a
 * query.
 */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The path as it came, undecoded, without the query. */
  readonly path: string;
  readonly method: string;
  /** Bytes of bodies so far, for the metrics. */
  received = 0;
  sent = 0;
  /** Whose credentials it brought, once that is known; empty for an anonymous token. For the log. */
  user: string | undefined;
  /** The name of a log-in that failed. For the log. */
  tried: string | undefined;
  readonly #queryText: string;
  #query: URLSearchParams | undefined;
  #id: string | undefined;

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.req = req;
    this.res = res;
    this.method = req.method ?? 'GET';
    const url = req.url ?? '/';
    const mark = url.indexOf('?');
    this.path = mark === -1 ? url : url.slice(0, mark);
    this.#queryText = mark === -1 ? '' : url.slice(mark + 1);
  }

  /** The id under which the log knows this request: the client's own, when it is a decent one. */
  get id(): string {
    const given = this.req.headers['x-request-id'];
    this.#id ??= typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
    return this.#id;
  }

  /** The query. PostgreSQL takes no NUL in a text: it is read as U+FFFD, as are bytes that are no UTF-8. */
  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#queryText.replaceAll('%00', '%EF%BF%BD'));
    return this.#query;
  }

  /** The value of a header that may come once. */
  header(name: string): string | undefined {
    const value = this.req.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** The Content-Length; `undefined` for a chunked body, 0 for none. */
  get bodyLength(): number | undefined {
    if (this.req.headers['transfer-encoding'] !== undefined) return undefined;
    const text = this.req.headers['content-length'];
    return text === undefined ? 0 : Number(text);
  }

  /** Answers with headers alone. */
  sendEmpty(status: number, headers: HeaderList = []): void {
    headers.push('Content-Length', 0);
    this.#head(status, headers);
    this.res.end();
  }

  /** Answers with bytes, or with their headers alone to a HEAD. */
  sendBytes(status: number, headers: HeaderList, bytes: Buffer): void {
    headers.push('Content-Length', bytes.length);
    this.#head(status, headers);
    if (this.method === 'HEAD') this.res.end();
    else {
      this.sent += bytes.length;
      this.#end(bytes);
    }
  }

  /** Answers with JSON. */
  sendJson(status: number, body: unknown, headers: HeaderList = []): void {
    headers.push('Content-Type', 'application/json; charset=utf-8');
    this.sendBytes(status, headers, Buffer.from(JSON.stringify(body)));
  }

  /** Writes the headers of an answer whose bytes follow. */
  beginBytes(status: number, headers: HeaderList): void {
    this.#head(status, headers);
  }

  /**
   * Waits until a small body has come, and drops it. containerd never looks at a refusal that it gets before it
   * has sent its manifest: it goes on waiting for somebody to read the rest.
   */
  async discardSmallBody(): Promise<void> {
    const { req } = this;
    if (req.complete || req.destroyed || !this.#hasSmallBody) return;
    const signal = AbortSignal.timeout(longestDiscard);
    req.resume();
    await once(req, 'end', { signal }).catch(() => undefined);
  }

  /** Answers with an error in OCI form. Returns it for the log; when headers were sent, the connection is cut. */
  sendError(error: unknown, headers: HeaderList = []): { status: number; unexpected: boolean } {
    const answer = toErrorAnswer(error, this.id);
    if (this.res.headersSent) {
      this.res.destroy();
      return answer;
    }
    const list: HeaderList = [...headers, 'X-Request-Id', this.id];
    if (answer.retryAfter !== undefined) list.push('Retry-After', answer.retryAfter);
    if (answer.status === 416 && typeof answer.detail?.['size'] === 'number') {
      list.push('Range', formatUploadRange(answer.detail['size']));
    }
    // A body that is still coming would be taken for the next request: the connection ends with this answer,
    // unless what is left of it is small enough to be read and dropped.
    if (!this.req.complete && !this.#hasSmallBody) list.push('Connection', 'close');
    else this.req.resume();
    this.sendJson(answer.status, ociError(answer.code, answer.message, answer.detail), list);
    return answer;
  }

  /**
   * A connection that is closed while bytes come in is reset, and the answer can be lost with it (RFC 9112 section
   * 9.6): they are read and dropped until the client has seen the answer and closes, or for a while.
   */
  #end(bytes: Buffer): void {
    const { req, res } = this;
    if (req.complete || req.destroyed || this.#hasSmallBody) {
      // as text it leaves in one write with the headers; latin1 keeps every byte as it is
      if (bytes.length <= joinedBytes) res.end(bytes.toString('latin1'), 'latin1');
      else res.end(bytes);
      return;
    }
    res.write(bytes);
    const timer = setTimeout(() => res.end(), longestLinger);
    req.resume().once('close', () => {
      clearTimeout(timer);
      res.end();
    });
  }

  get #hasSmallBody(): boolean {
    return (this.bodyLength ?? Infinity) <= smallBody;
  }

  #head(status: number, headers: HeaderList): void {
    headers.push('Docker-Distribution-Api-Version', 'registry/2.0');
    this.res.writeHead(status, headers);
  }
}

/** A `n` of a list: `undefined` when absent. `PAGE_INVALID` when it is no number, or above `max`. */
export function readPageSize(exchange: Exchange, max: number): number | undefined {
  const text = exchange.query.get('n');
  if (text === null) return undefined;
  const size = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (size < 0 || size > max) {
    throw new AppError('PAGE_INVALID', `n must be a number from 0 to ${max}, not '${text.slice(0, 20)}'`, {
      detail: { n: text.slice(0, 20) },
    });
  }
  return size;
}
