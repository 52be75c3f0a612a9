import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** How a command ended, and all it said. */
export interface Ended {
  readonly code: number | null;
  readonly said: string;
}

const started: Product[] = [];

/** Ends what a test started, and whatever it left. */
export async function stopProducts(): Promise<void> {
  for (const product of started.splice(0)) {
    await product.stop();
    killAll(product.dataDir);
  }
}

/** The product as a process of its own, started as in production. */
export class Product {
  readonly child: ChildProcess;
  readonly dataDir: string;
  readonly ended: Promise<Ended>;
  said = '';

  constructor(child: ChildProcess, dataDir: string) {
    this.child = child;
    this.dataDir = dataDir;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.said += text));
    }
    this.ended = once(child, 'close').then(([code]) => ({ code: code as number | null, said: this.said }));
    started.push(this);
  }

  /** Resolves with the URL when it is ready. */
  async ready(): Promise<string> {
    for (let waited = 0; waited < 60_000; waited += 20) {
      const url = /Entrepot \S+ is ready: (\S+)/.exec(this.said)?.[1];
      if (url !== undefined) return url;
      if (this.child.exitCode !== null || this.child.signalCode !== null) break;
      await sleep(20);
    }
    throw new Error(`it did not start:\n${this.said}`);
  }

  /** The password that the first start printed. */
  get password(): string {
    return /password {2}(\S+)/.exec(this.said)?.[1] ?? '';
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    if (this.child.exitCode === null) this.child.kill(signal);
    return await this.ended;
  }
}

/** The environment of a product on this data directory and a free port. */
export function environment(dataDir: string, more: Record<string, string> = {}): Record<string, string> {
  const usual = { ENTREPOT_DATA: dataDir, ENTREPOT_HTTP_PORT: '0', ENTREPOT_METRICS_ADDRESS: 'off' };
  return { PATH: process.env['PATH'] ?? '', ...usual, ...more };
}

/** Starts the product. */
export function startProduct(
  dataDir: string,
  more: Record<string, string> = {},
  account: { uid?: number; gid?: number } = {},
): Product {
  const env = environment(dataDir, more);
  return new Product(spawn(process.execPath, [main, 'serve'], { env, ...account }), dataDir);
}

/** Starts one app as a process of its own. */
export function startApp(
  app: 'registry' | 'core' | 'jobservice',
  dataDir: string,
  more: Record<string, string> = {},
): Product {
  return new Product(
    spawn(process.execPath, [main, 'serve', app], { env: environment(dataDir, more) }),
    dataDir,
  );
}

/** Runs another command to its end. */
export async function runEntrepot(
  dataDir: string,
  args: string[],
  more: Record<string, string> = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { env: environment(dataDir, more) });
  return await new Product(child, dataDir).ended;
}

/** Every process that has to do with the data directory, by its arguments, its directory or its environment. */
export function processesOf(dataDir: string): number[] {
  const numbers = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return numbers.filter((pid) => pid !== process.pid && belongsTo(pid, dataDir));
}

function belongsTo(pid: number, dataDir: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`).startsWith(dataDir)) return true;
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(dataDir);
  } catch {
    return false;
  }
}

/** Kills every process of the data directory, all at once. */
export function killAll(dataDir: string): void {
  for (const pid of processesOf(dataDir)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended meanwhile
    }
  }
}

/** The number of the database server of a data directory. */
export function postmasterOf(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres-18/postmaster.pid'), 'utf8').split('\n')[0]);
}

/** A client of the distribution API that knows one user. */
export class Client {
  readonly url: string;
  readonly #authorization: string;

  constructor(url: string, password: string) {
    this.url = url;
    this.#authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;
  }

  async send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: this.#authorization, ...(init.headers as Record<string, string>) };
    return await fetch(new URL(path, this.url), { ...init, method, headers });
  }

  /** Pushes a manifest with one layer to a tag. Throws unless everything was acknowledged. */
  async push(repository: string, tag: string): Promise<void> {
    const layer = await this.#pushBlob(repository, Buffer.from(`layer of ${repository}:${tag}`));
    const config = await this.#pushBlob(repository, Buffer.from('{}'));
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.empty.v1+json', ...config },
      layers: [{ mediaType: 'application/octet-stream', ...layer }],
      artifactType: 'application/example',
    };
    const response = await this.send('PUT', `/v2/${repository}/manifests/${tag}`, {
      headers: { 'content-type': manifest.mediaType },
      body: JSON.stringify(manifest),
    });
    await expectStatus(response, 201);
  }

  /** Pulls a tag with its layer, and checks the bytes against their digests. */
  async pull(repository: string, tag: string): Promise<void> {
    const response = await this.send('GET', `/v2/${repository}/manifests/${tag}`);
    await expectStatus(response, 200);
    const manifest = (await response.json()) as { layers: { digest: string }[] };
    for (const { digest } of manifest.layers) {
      const blob = await this.send('GET', `/v2/${repository}/blobs/${digest}`);
      await expectStatus(blob, 200);
      const bytes = Buffer.from(await blob.arrayBuffer());
      if (digestOf(bytes) !== digest) throw new Error(`the bytes are not those of ${digest}`);
    }
  }

  /** Tries until it works: for the time in which the database is started again. */
  async pullSoon(repository: string, tag: string): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.pull(repository, tag);
        return;
      } catch (error) {
        if (attempt === 100) throw error;
        await sleep(100);
      }
    }
  }

  async #pushBlob(repository: string, bytes: Buffer): Promise<{ digest: string; size: number }> {
    const opened = await this.send('POST', `/v2/${repository}/blobs/uploads/`);
    await expectStatus(opened, 202);
    const digest = digestOf(bytes);
    const location = `${opened.headers.get('location') ?? ''}?digest=${digest}`;
    const headers = { 'content-type': 'application/octet-stream' };
    await expectStatus(await this.send('PUT', location, { headers, body: new Uint8Array(bytes) }), 201);
    return { digest, size: bytes.length };
  }
}

/** The sha256 digest of bytes. */
export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function expectStatus(response: Response, status: number): Promise<void> {
  if (response.status !== status)
    throw new Error(`${response.status} ${response.url} ${await response.text()}`);
}
