import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepare } from '../../../tools/bootstrap.mjs';
import {
  Client,
  digestOf,
  environment,
  Product,
  processesOf,
  startProduct,
  stopProducts,
} from './product.ts';

const entrepot = fileURLToPath(new URL('../../../tools/entrepot.mjs', import.meta.url));

let root: string;
let dataDir: string;

beforeAll(async () => {
  await prepare();
});

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stop-e2e-'));
  await chmod(root, 0o755);
  dataDir = join(root, 'data');
});

afterEach(async () => {
  await stopProducts();
  await rm(root, { recursive: true, force: true });
});

// A push of one blob in a single PUT whose body has only begun to be sent.
async function beginPush(client: Client, password: string, bytes: Buffer): Promise<ClientRequest> {
  const opened = await client.send('POST', '/v2/library/slow/blobs/uploads/');
  const location = `${opened.headers.get('location')}?digest=${digestOf(bytes)}`;
  const put = request(new URL(location, client.url), {
    method: 'PUT',
    auth: `admin:${password}`,
    headers: { 'content-length': bytes.length, 'content-type': 'application/octet-stream' },
  });
  put.on('error', () => undefined);
  put.write(bytes.subarray(0, bytes.length / 2));
  await sleep(300);
  return put;
}

async function expectAllGone(begun: number): Promise<void> {
  expect(Date.now() - begun).toBeLessThan(15_000);
  for (let waited = 0; processesOf(dataDir).length > 0 && waited < 1_000; waited += 50) await sleep(50);
  expect(processesOf(dataDir)).toEqual([]);
}

describe('a stop during a push', () => {
  it('acknowledges a push that ends in time', async () => {
    const product = startProduct(dataDir);
    const client = new Client(await product.ready(), product.password);
    const bytes = Buffer.alloc(1024 * 1024, 'x');
    const put = await beginPush(client, product.password, bytes);
    const answered = once(put, 'response') as Promise<[IncomingMessage]>;
    const begun = Date.now();
    product.child.kill('SIGTERM');
    await sleep(1_000);
    put.end(bytes.subarray(bytes.length / 2));
    const [response] = await answered;
    expect(response.statusCode).toBe(201);
    expect((await product.ended).code).toBe(0);
    await expectAllGone(begun);
  });

  it('refuses one that does not end in time, and no process is left after 15 seconds', async () => {
    const product = startProduct(dataDir);
    const client = new Client(await product.ready(), product.password);
    const put = await beginPush(client, product.password, Buffer.alloc(1024 * 1024, 'x'));
    const answered = once(put, 'response') as Promise<[IncomingMessage]>;
    const begun = Date.now();
    product.child.kill('SIGTERM');
    const [response] = await answered;
    expect(response.statusCode).toBe(503);
    expect((await product.ended).code).toBe(0);
    await expectAllGone(begun);
  });

  it('by Ctrl-C in a terminal, through the launcher, ends it cleanly', async () => {
    // script(1) gives the command a terminal of its own, as a shell's user has it
    const command = `exec ${process.execPath} ${entrepot} serve`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { env: environment(dataDir) });
    const product = new Product(child, dataDir);
    const client = new Client(await product.ready(), product.password);
    const bytes = Buffer.alloc(1024 * 1024, 'x');
    const put = await beginPush(client, product.password, bytes);
    const answered = once(put, 'response') as Promise<[IncomingMessage]>;
    const begun = Date.now();
    child.stdin.write('\u0003');
    await sleep(500);
    put.end(bytes.subarray(bytes.length / 2));
    const [response] = await answered;
    expect(response.statusCode).toBe(201);
    await product.ended;
    await expectAllGone(begun);
  });

  it('by a second Ctrl-C is at once, and leaves nothing that the next start minds', async () => {
    const product = startProduct(dataDir);
    const client = new Client(await product.ready(), product.password);
    await client.push('library/kept', 'v1');
    await beginPush(client, product.password, Buffer.alloc(1024 * 1024, 'x'));
    const begun = Date.now();
    product.child.kill('SIGINT');
    await sleep(1_500);
    product.child.kill('SIGINT');
    expect((await product.ended).code).toBe(130);
    expect(Date.now() - begun).toBeLessThan(5_000);
    await expectAllGone(begun);
    const next = startProduct(dataDir);
    await new Client(await next.ready(), product.password).pull('library/kept', 'v1');
  });
});

describe('the launcher', () => {
  it('hands over the exit code', async () => {
    const child = spawn(process.execPath, [entrepot, 'serve'], {
      env: environment(dataDir, { ENTREPOT_HTTP_PORT: 'x' }),
    });
    expect((await new Product(child, dataDir).ended).code).toBe(78);
  });

  it('passes SIGTERM on and waits', async () => {
    const child = spawn(process.execPath, [entrepot, 'serve'], { env: environment(dataDir) });
    const product = new Product(child, dataDir);
    await product.ready();
    const begun = Date.now();
    child.kill('SIGTERM');
    expect((await product.ended).code).toBe(0);
    await expectAllGone(begun);
  });

  it('takes the product with it when it is killed', async () => {
    const child = spawn(process.execPath, [entrepot, 'serve'], { env: environment(dataDir) });
    const product = new Product(child, dataDir);
    await product.ready();
    const begun = Date.now();
    child.kill('SIGKILL');
    await product.ended;
    await expectAllGone(begun);
  });
});
