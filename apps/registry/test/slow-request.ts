import { request, type ClientRequest } from 'node:http';
import type { Answer } from './client.ts';

/** A request whose body the test sends piece by piece, or leaves off. */
export class SlowRequest {
  readonly answer: Promise<Answer>;
  readonly #req: ClientRequest;

  constructor(url: string, method: string, path: string, headers: Readonly<Record<string, string | number>>) {
    const { hostname, port } = new URL(url);
    this.#req = request({ hostname, port, method, path, headers: { ...headers }, agent: false });
    this.answer = this.#read();
    // a test that leaves the request off does not look at its answer
    this.answer.catch(() => undefined);
    this.#req.flushHeaders();
  }

  /** Sends bytes; resolved when they have left this process. */
  async write(bytes: Uint8Array | string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#req.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Ends the body. */
  end(): Promise<Answer> {
    this.#req.end();
    return this.answer;
  }

  /** Goes away without a word. */
  vanish(): void {
    this.#req.destroy();
  }

  #read(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#req.once('error', reject);
      this.#req.once('response', (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.once('error', reject);
        res.once('end', () =>
          resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) }),
        );
      });
    });
  }
}

/** Waits until `look` answers something, for at most twenty seconds. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error('it did not come to pass within twenty seconds');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
