import { createHash, randomBytes } from 'node:crypto';
import { request, type IncomingHttpHeaders } from 'node:http';
import type { Login, Replica } from './registry-harness.ts';

/** An answer, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What a request carries. */
export interface Sending {
  readonly headers?: Readonly<Record<string, string | number | string[]>>;
  readonly body?: Uint8Array | string;
}

/** A descriptor as manifests name content. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const indexType = 'application/vnd.oci.image.index.v1+json';
export const configType = 'application/vnd.oci.image.config.v1+json';
export const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** The sha256 of bytes, or their sha512, as a digest. */
export function digestOf(bytes: Uint8Array | string, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** Bytes that no other test has. */
export function someBytes(size = 100): Buffer {
  return randomBytes(size);
}

/** The code and message of the one error in an answer; fails when the body is not in the form of the specification. */
export function errorOf(answer: Answer): { code: string; message: string; detail?: unknown } {
  const parsed: unknown = JSON.parse(answer.body.toString());
  // a test: what is not of this form fails the expectations on its members
  const { errors } = parsed as { errors: { code: string; message: string; detail?: unknown }[] };
  const [error] = errors;
  if (errors.length !== 1 || typeof error?.code !== 'string' || typeof error.message !== 'string')
    throw new Error(`not an OCI error: ${answer.body.toString().slice(0, 200)}`);
  return error;
}

/** What the lists of the distribution API answer. */
export interface ListAnswer {
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly repositories?: readonly string[];
  readonly manifests?: readonly (Descriptor & {
    readonly artifactType?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  })[];
}

/** The JSON of a list; what a test expects in it is seen by the expectation. */
export function listOf(answer: Answer): ListAnswer {
  return JSON.parse(answer.body.toString()) as ListAnswer;
}

/** Sends one request on a connection of its own. Rejects after ten seconds without an answer. */
export function send(
  url: string,
  { method, path, headers, body }: Sending & { readonly method: string; readonly path: string },
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const req = request({ hostname, port, method, path, headers: { ...headers }, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.once('error', reject);
      res.once('end', () => {
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) });
        // what was not taken of the body is not worth sending
        req.destroy();
      });
    });
    req.setTimeout(10_000, () => req.destroy(new Error(`no answer to ${method} ${path}`)));
    // an early answer may meet the end of our own sending
    req.once('error', reject);
    if (body !== undefined && !req.hasHeader('Transfer-Encoding'))
      req.setHeader('Content-Length', Buffer.byteLength(body));
    req.end(body);
  });
}

/** A client of one registry that holds one token, or none. */
export class Client {
  readonly url: string;
  readonly #authorization: string | undefined;

  constructor(url: string, authorization?: string) {
    this.url = url;
    this.#authorization = authorization;
  }

  /** A client whose token has all the rights that the log-in gives it on the repositories. */
  static async as(replica: Replica, login: Login | undefined, ...repositories: string[]): Promise<Client> {
    const scopes = repositories.map((name) => `repository:${name}:pull,push,delete`);
    return new Client(replica.url, `Bearer ${await replica.token(login, ...scopes)}`);
  }

  /** The same token, at another registry. */
  at(replica: Replica): Client {
    return new Client(replica.url, this.#authorization);
  }

  /** Sends to a path below `/v2/`, or to one that begins with a slash. */
  async send(method: string, path: string, { headers, body }: Sending = {}): Promise<Answer> {
    const credentials = this.#authorization === undefined ? {} : { Authorization: this.#authorization };
    return await send(this.url, {
      method,
      path: path.startsWith('/') ? path : `/v2/${path}`,
      headers: { ...credentials, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  }

  async get(path: string, headers: Sending['headers'] = {}): Promise<Answer> {
    return await this.send('GET', path, { headers });
  }

  async head(path: string, headers: Sending['headers'] = {}): Promise<Answer> {
    return await this.send('HEAD', path, { headers });
  }

  async delete(path: string): Promise<Answer> {
    return await this.send('DELETE', path);
  }

  /** Opens an upload; the path of it. */
  async open(name: string, query = ''): Promise<string> {
    const answer = await this.send('POST', `${name}/blobs/uploads/${query}`);
    if (answer.status !== 202) throw new Error(`POST: ${answer.status} ${answer.body.toString()}`);
    return answer.headers.location ?? '';
  }

  async patch(upload: string, body: Uint8Array | string, headers: Sending['headers'] = {}): Promise<Answer> {
    return await this.send('PATCH', upload, { body, headers });
  }

  /** Ends an upload. */
  async put(upload: string, digest: string, body: Uint8Array | string = ''): Promise<Answer> {
    return await this.send('PUT', `${upload}?digest=${digest}`, { body });
  }

  /** Pushes a blob in one request; its descriptor. */
  async aBlob(
    name: string,
    bytes: Uint8Array | string = someBytes(),
    mediaType = layerType,
  ): Promise<Descriptor> {
    const digest = digestOf(bytes);
    const answer = await this.send('POST', `${name}/blobs/uploads/?digest=${digest}`, { body: bytes });
    if (answer.status !== 201) throw new Error(`blob: ${answer.status} ${answer.body.toString()}`);
    return { mediaType, digest, size: Buffer.byteLength(bytes) };
  }

  async putManifest(name: string, reference: string, document: unknown, type?: string): Promise<Answer> {
    const body = typeof document === 'string' ? document : JSON.stringify(document);
    const headers = type === undefined ? {} : { 'Content-Type': type };
    return await this.send('PUT', `${name}/manifests/${reference}`, { body, headers });
  }

  /** Pushes config, layers and manifest; what can be said of them. */
  async anArtifact(
    name: string,
    reference: string,
    members: Readonly<Record<string, unknown>> = {},
  ): Promise<PushedArtifact> {
    const config = await this.aBlob(
      name,
      JSON.stringify({ architecture: 'amd64', os: 'linux', id: someBytes(8) }),
      configType,
    );
    const layer = await this.aBlob(name);
    const document = { schemaVersion: 2, mediaType: manifestType, config, layers: [layer], ...members };
    const payload = JSON.stringify(document);
    const digest = digestOf(payload);
    const answer = await this.putManifest(name, reference === '' ? digest : reference, payload, manifestType);
    if (answer.status !== 201) throw new Error(`manifest: ${answer.status} ${answer.body.toString()}`);
    return {
      digest,
      payload,
      config,
      layer,
      descriptor: { mediaType: manifestType, digest, size: payload.length },
    };
  }
}

/** An artifact that was pushed. */
export interface PushedArtifact {
  readonly digest: string;
  readonly payload: string;
  readonly config: Descriptor;
  readonly layer: Descriptor;
  readonly descriptor: Descriptor;
}
