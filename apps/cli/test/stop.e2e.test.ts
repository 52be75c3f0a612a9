import { spawn, spawnSync } from 'node:child_process';
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
    headers: { 'content-length': bytes.length, expect: '100-continue' },
  });
  put.on('error', () => undefined);
  put.flushHeaders();
  // from here on the server has the request in hand
  await once(put, 'continue');
  put.write(bytes.subarray(0, bytes.length / 2));
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

// Every Node that the launcher may be started with: ours, which it becomes, and the machine's own, if that is an
// older one, which stays as the parent.
const launchers = [process.execPath, '/usr/bin/node', '/usr/local/bin/node'].filter((path) => {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return path === process.execPath || /^v2[0-2]\./.test(stdout ?? '');
});

describe.each(launchers)('the launcher, started with %s', (node) => {
  it('hands over the exit code', async () => {
    const child = spawn(node, [entrepot, 'serve'], {
      env: environment(dataDir, { ENTREPOT_HTTP_PORT: 'x' }),
    });
    expect((await new Product(child, dataDir).ended).code).toBe(78);
  });

  it('passes SIGTERM on and waits', async () => {
    const child = spawn(node, [entrepot, 'serve'], { env: environment(dataDir) });
    const product = new Product(child, dataDir);
    await product.ready();
    const begun = Date.now();
    child.kill('SIGTERM');
    expect((await product.ended).code).toBe(0);
    await expectAllGone(begun);
  });

  it('passes Ctrl-C in a terminal on, during a push', async () => {
    // script(1) gives the command a terminal of its own, as a shell's user has it
    const child = spawn('script', ['-qec', `exec ${node} ${entrepot} serve`, '/dev/null'], {
      env: environment(dataDir),
    });
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

  it('leaves no product behind that nobody started when it is killed', async () => {
    const child = spawn(node, [entrepot, 'serve'], { env: environment(dataDir) });
    const product = new Product(child, dataDir);
    await product.ready();
    child.kill('SIGKILL');
    await product.ended;
    // where the launcher had become the product, its database is left for the next start to take over
    const next = startProduct(dataDir);
    await expect(next.ready()).resolves.toMatch(/^http:/);
  });
});

describe('npm start', () => {
  it('ends when npm is told to end', async () => {
    const checkout = fileURLToPath(new URL('../../..', import.meta.url));
    const product = new Product(
      spawn('npm', ['start'], { cwd: checkout, env: environment(dataDir) }),
      dataDir,
    );
    await product.ready();
    const begun = Date.now();
    product.child.kill('SIGTERM');
    await product.ended;
    // npm does not wait for those that it hands the signal to
    while (processesOf(dataDir).length > 0 && Date.now() - begun < 10_000) await sleep(50);
    await expectAllGone(begun);
  });
});
