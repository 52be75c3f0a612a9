import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLogger } from '@entrepot/telemetry/logger';
import { RedisProbe } from './redis-probe.ts';
import { WakeQueue } from './wake-queue.ts';

const log = createLogger({ level: 'silent' });
const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function directoryOfTest(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'entrepot-redis-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const listening = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return listening;
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
}

async function launch(port: number, args: readonly string[]): Promise<ChildProcess> {
  const server = spawn('redis-server', args, { stdio: 'ignore' });
  onTestFinished(() => end(server));
  while (!(await isListening(port))) await sleep(20);
  return server;
}

async function startServer(port: number, ...options: string[]): Promise<ChildProcess> {
  const usual = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--dir',
    await directoryOfTest(),
  ];
  return await launch(port, [...usual, ...options]);
}

/** Starts a Sentinel, which keeps what it learns in its configuration. */
async function startSentinel(port: number, ...lines: string[]): Promise<void> {
  const file = join(await directoryOfTest(), 'sentinel.conf');
  await writeFile(file, [`port ${port}`, 'bind 127.0.0.1', ...lines, ''].join('\n'));
  await launch(port, [file, '--sentinel']);
}

function command(port: number, ...words: string[]): string {
  return spawnSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' }).stdout.trim();
}

function open(url: string): { sender: WakeQueue; received: number[] } {
  const [sender, receiver] = [
    new WakeQueue({ kind: 'redis', url }, log),
    new WakeQueue({ kind: 'redis', url }, log),
  ];
  const received: number[] = [];
  receiver.receive('content', 2, async (taskId) => void received.push(taskId));
  onTestFinished(async () => {
    // without a server nothing is left to say good-bye to
    await Promise.race([Promise.all([sender.close(), receiver.close()]), sleep(2_000)]);
  });
  return { sender, received };
}

async function expectToArrive(sender: WakeQueue, received: readonly number[], taskId: number): Promise<void> {
  const wake = { queue: 'content', taskId, attempts: 0 } as const;
  await vi.waitFor(() => sender.send([wake]), { timeout: 20_000, interval: 100 });
  await vi.waitFor(() => expect(received).toContain(taskId), { timeout: 10_000 });
}

describe.skipIf(!hasRedis)('messages by Redis', { timeout: 60_000 }, () => {
  it('arrive again after it lost everything, and after it was away; meanwhile senders are told at once', async () => {
    const port = await freePort();
    const server = await startServer(port);
    const { sender, received } = open(`redis://127.0.0.1:${port}/2`);
    const probe = new RedisProbe(`redis://127.0.0.1:${port}`);
    onTestFinished(() => probe.close());
    await expectToArrive(sender, received, 1);
    command(port, 'FLUSHALL');
    await expectToArrive(sender, received, 2);
    await probe.check();
    await end(server);
    await expect(sender.send([{ queue: 'content', taskId: 3, attempts: 0 }])).rejects.toThrow('Redis');
    const begun = performance.now();
    await expect(sender.send([{ queue: 'content', taskId: 3, attempts: 0 }])).rejects.toThrow('Redis');
    expect(performance.now() - begun).toBeLessThan(1_000);
    await expect(probe.check()).rejects.toThrow('Redis does not answer');
    await startServer(port);
    await expectToArrive(sender, received, 3);
    await probe.check();
  });

  it('arrive with TLS, a user and a password', async () => {
    const [plain, port, directory] = [await freePort(), await freePort(), await directoryOfTest()];
    const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    expect(spawnSync('openssl', [...kind, ...name, '-keyout', key, '-out', cert]).status).toBe(0);
    const secured = ['--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key];
    const users = '--user app on >p@ss ~* &* +@all --user default off'.split(' ');
    await startServer(plain, ...secured, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no', ...users);
    setDefaultCACertificates([...getCACertificates('default'), await readFile(cert, 'utf8')]);
    const { sender, received } = open(`rediss://app:p%40ss@localhost:${port}`);
    await expectToArrive(sender, received, 1);
    const stranger = new RedisProbe(`rediss://app:wrong@localhost:${port}`);
    onTestFinished(() => stranger.close());
    await expect(stranger.check()).rejects.toThrow();
  });

  it('arrive through Sentinels, also after the primary was lost', async () => {
    const [first, second, sentinel] = [await freePort(), await freePort(), await freePort()];
    const primary = await startServer(first, '--requirepass', 'secret', '--masterauth', 'secret');
    const replica = [
      '--replicaof',
      `127.0.0.1 ${first}`,
      '--requirepass',
      'secret',
      '--masterauth',
      'secret',
    ];
    await startServer(second, ...replica);
    await startSentinel(
      sentinel,
      `sentinel monitor queues 127.0.0.1 ${first} 1`,
      'sentinel auth-pass queues secret',
      'sentinel down-after-milliseconds queues 1000',
    );
    await vi.waitFor(
      () => expect(command(sentinel, 'SENTINEL', 'REPLICAS', 'queues')).toContain('flags\nslave\n'),
      {
        timeout: 20_000,
      },
    );
    const { sender, received } = open(`redis+sentinel://:secret@127.0.0.1:${sentinel}/queues`);
    await expectToArrive(sender, received, 1);
    await end(primary);
    await expectToArrive(sender, received, 2);
  });

  it('arrive through a Cluster of six', async () => {
    const ports: number[] = [];
    // the nodes talk on another port, 10,000 above the first
    while (ports.length < 6) {
      const port = await freePort();
      if (port < 55_000) ports.push(port);
    }
    for (const port of ports) await startServer(port, '--cluster-enabled', 'yes');
    const nodes = ports.map((port) => `127.0.0.1:${port}`);
    spawnSync('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-replicas', '1', '--cluster-yes']);
    await vi.waitFor(() => expect(command(ports[0] ?? 0, 'CLUSTER', 'INFO')).toContain('cluster_state:ok'), {
      timeout: 20_000,
    });
    const url = `redis+cluster://${nodes.slice(0, 2).join(',')}`;
    const { sender, received } = open(url);
    await expectToArrive(sender, received, 1);
    await expectToArrive(sender, received, 2);
    const probe = new RedisProbe(url);
    onTestFinished(() => probe.close());
    await probe.check();
  });
});
