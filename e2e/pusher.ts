import { randomBytes } from 'node:crypto';
import { digestOf } from './image-layout.ts';
import { basic, type Credentials } from './stack.ts';

/** A push that the registry has acknowledged to the last request. */
export interface AcknowledgedPush {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  readonly blobs: readonly string[];
}

/** An answer that was not the one of success. */
export class UnexpectedAnswer extends Error {
  readonly status: number;

  constructor(what: string, status: number, body: string) {
    super(`${what}: ${status} ${body.slice(0, 300)}`);
    this.status = status;
  }
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** Where a registry is, and its administrator. */
export interface RegistryUnderTest {
  readonly url: string;
  readonly admin: Credentials;
}

/** The distribution API without a client in between, so that a test can stop anywhere in a push. */
export class Pusher {
  readonly #registry: RegistryUnderTest;
  readonly repository: string;

  constructor(registry: RegistryUnderTest, repository: string) {
    this.#registry = registry;
    this.repository = repository;
  }

  /** A request to a path below the repository; `path` may also be a Location. */
  async request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('Authorization', basic(this.#registry.admin));
    const url = path.startsWith('/') ? path : `/v2/${this.repository}/${path}`;
    return await fetch(`${this.#registry.url}${url}`, { ...init, method, headers });
  }

  /** Opens an upload and returns its Location. */
  async openUpload(): Promise<string> {
    const answer = await this.request('POST', 'blobs/uploads/');
    await expectStatus(answer, 202, 'open an upload');
    return answer.headers.get('location') ?? '';
  }

  /** Pushes bytes in two requests, as clients do, and returns their digest. */
  async pushBlob(bytes: Buffer): Promise<string> {
    const digest = digestOf(bytes);
    const location = await this.openUpload();
    await expectStatus(
      await this.request('PATCH', location, { body: new Uint8Array(bytes) }),
      202,
      'send a blob',
    );
    await expectStatus(await this.request('PUT', `${location}?digest=${digest}`), 201, 'finish a blob');
    return digest;
  }

  /** Pushes an image of one random layer under a tag. */
  async pushImage(tag: string, layerBytes: number): Promise<AcknowledgedPush> {
    const layer = randomBytes(layerBytes);
    const config = Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', tag, id: digestOf(layer) }),
    );
    const blobs = [await this.pushBlob(config), await this.pushBlob(layer)];
    const descriptors = [config, layer].map((bytes) => ({
      mediaType: 'application/vnd.example.part',
      digest: digestOf(bytes),
      size: bytes.length,
    }));
    const [first, ...layers] = descriptors;
    const body = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config: first, layers });
    const headers = { 'Content-Type': manifestType };
    await expectStatus(
      await this.request('PUT', `manifests/${tag}`, { body, headers }),
      201,
      'push a manifest',
    );
    return { repository: this.repository, tag, digest: digestOf(body), blobs };
  }

  /** Everything that a pull of a tag or digest brings, each part checked against its digest. Returns the digest. */
  async pullWhole(reference: string): Promise<string> {
    const answer = await this.request('GET', `manifests/${reference}`, { headers: { Accept: manifestType } });
    await expectStatus(answer, 200, `pull ${this.repository}:${reference}`);
    const body = await answer.text();
    const digest = digestOf(body);
    if (answer.headers.get('docker-content-digest') !== digest)
      throw new Error(`${reference} is not what its digest says`);
    const { config, layers } = JSON.parse(body) as { config: Part; layers: Part[] };
    for (const part of [config, ...layers]) await this.#pullPart(part);
    return digest;
  }

  /** The tags of the repository; none when it does not exist. */
  async listTags(): Promise<string[]> {
    const answer = await this.request('GET', 'tags/list');
    if (answer.status === 404) return [];
    await expectStatus(answer, 200, 'list tags');
    return ((await answer.json()) as { tags: string[] }).tags;
  }

  async #pullPart({ digest, size }: Part): Promise<void> {
    const answer = await this.request('GET', `blobs/${digest}`);
    await expectStatus(answer, 200, `pull blob ${digest} of ${this.repository}`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (bytes.length !== size || digestOf(bytes) !== digest)
      throw new Error(`blob ${digest} holds other bytes`);
  }
}

interface Part {
  readonly digest: string;
  readonly size: number;
}

/** Throws {@link UnexpectedAnswer} unless the status is this one. */
export async function expectStatus(answer: Response, status: number, what: string): Promise<void> {
  if (answer.status !== status) throw new UnexpectedAnswer(what, answer.status, await answer.text());
  // an unread body would hold the connection
  if (status !== 200) await answer.arrayBuffer();
}
