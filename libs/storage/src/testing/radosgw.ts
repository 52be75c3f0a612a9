import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Credentials } from '../s3/s3-options.ts';
import type { ObjectServer } from './object-server.ts';
import { freePorts, runTool, ServerProcess } from './server-process.ts';

/** What has to be on the machine. */
export const radosgwPrograms = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'monmaptool'];

/** Ceph's gateway with a monitor and one OSD in memory. */
export interface Radosgw extends ObjectServer {
  /** The server as a user whose buckets may hold so many bytes each. */
  asLimitedUser(maxBytes: number): Promise<ObjectServer>;
}

interface Ports {
  readonly gateway: number;
  readonly monitor: number;
  readonly oldMonitor: number;
}

/** Starts a cluster of one machine that keeps everything in memory. Takes about ten seconds. */
export async function startRadosgw(): Promise<Radosgw> {
  const directory = await mkdtemp(join(tmpdir(), 'entrepot-radosgw-'));
  const [gateway = 0, monitor = 0, oldMonitor = 0] = await freePorts(3);
  const cluster = new Cluster(directory, { gateway, monitor, oldMonitor });
  try {
    await cluster.start();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  const endpoint = `http://127.0.0.1:${gateway}`;
  const credentials = await cluster.addUser('tests');
  return {
    endpoint,
    credentials,
    stop: () => cluster.stop(),
    asLimitedUser: async (maxBytes) => ({
      endpoint,
      credentials: await cluster.addUser(`limited-${randomUUID()}`, maxBytes),
      stop: async () => {},
    }),
  };
}

class Cluster {
  readonly #directory: string;
  readonly #ports: Ports;
  readonly #id = randomUUID();
  readonly #processes: ServerProcess[] = [];

  constructor(directory: string, ports: Ports) {
    this.#directory = directory;
    this.#ports = ports;
  }

  async start(): Promise<void> {
    for (const name of ['mon', 'osd', 'rgw', 'log']) await mkdir(join(this.#directory, name));
    await writeFile(this.#config, this.#settings());
    await this.#startMonitor();
    await this.#startOsd();
    this.#spawn('radosgw', ['-n', 'client.rgw']);
    await this.#processes.at(-1)?.listening(this.#ports.gateway);
  }

  async addUser(uid: string, maxBytes?: number): Promise<S3Credentials> {
    const credentials = { accessKeyId: `key-${uid}`, secretAccessKey: 'of-these-tests-alone' };
    const { accessKeyId: key, secretAccessKey: secret } = credentials;
    const keys = ['--access-key', key, '--secret-key', secret];
    await this.#admin(['user', 'create', '--uid', uid, '--display-name', uid, ...keys]);
    if (maxBytes !== undefined) {
      const scope = ['--quota-scope=bucket', '--uid', uid];
      await this.#admin(['quota', 'set', ...scope, `--max-size=${maxBytes}`]);
      await this.#admin(['quota', 'enable', ...scope]);
    }
    return credentials;
  }

  async stop(): Promise<void> {
    for (const process of this.#processes.toReversed()) await process.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #config(): string {
    return join(this.#directory, 'ceph.conf');
  }

  async #startMonitor(): Promise<void> {
    const { monitor, oldMonitor } = this.#ports;
    const map = join(this.#directory, 'monmap');
    const addresses = `[v2:127.0.0.1:${monitor},v1:127.0.0.1:${oldMonitor}]`;
    await this.#run('monmaptool', ['--create', '--fsid', this.#id, '--addv', 'a', addresses, map]);
    await this.#run('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', map]);
    this.#spawn('ceph-mon', ['-i', 'a']);
    await this.#processes.at(-1)?.listening(monitor);
  }

  async #startOsd(): Promise<void> {
    const uuid = randomUUID();
    await this.#run('ceph', ['osd', 'new', uuid, '0']);
    await this.#run('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', uuid]);
    this.#spawn('ceph-osd', ['-i', '0']);
  }

  #admin(args: readonly string[]): Promise<void> {
    return this.#run('radosgw-admin', args);
  }

  #run(program: string, args: readonly string[]): Promise<void> {
    return runTool(program, ['-c', this.#config, ...args]);
  }

  #spawn(program: string, args: readonly string[]): void {
    this.#processes.push(ServerProcess.start(program, ['-c', this.#config, '-f', ...args]));
  }

  #settings(): string {
    const directory = this.#directory;
    const { gateway, monitor, oldMonitor } = this.#ports;
    return `[global]
fsid = ${this.#id}
mon host = [v2:127.0.0.1:${monitor}/0,v1:127.0.0.1:${oldMonitor}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
osd pool default pg autoscale mode = off
run dir = ${directory}
admin socket = ${directory}/$name.asok
log file = ${directory}/log/$name.log
ms bind ipv4 = true
ms mon client mode = crc
ms client mode = crc
ms service mode = crc
ms cluster mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms bind port min = 10000
ms bind port max = 14999
rgw bucket quota ttl = 0
rgw user quota bucket sync interval = 0
[mon]
mon data = ${directory}/mon
mon data avail crit = 1
mon cluster log file = ${directory}/log/cluster.log
[osd]
osd data = ${directory}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd class dir = /usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/rados-classes
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${gateway}
rgw data = ${directory}/rgw
rgw enable usage log = false
rgw dns name = 127.0.0.1
ms mon client mode = crc
`;
  }
}
