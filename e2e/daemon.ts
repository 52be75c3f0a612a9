import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { listDescendants, signalProcess, waitForEnd } from './processes.ts';
import { inheritedEnvironment, runProgram } from './programs.ts';
import type { Sandbox } from './sandbox.ts';

const longestStart = 60_000;

/** A dockerd or containerd of one sandbox: its own data, socket and processes. */
export class Daemon {
  readonly #sandbox: Sandbox;
  #child: ChildProcess | undefined;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  /** The value of `DOCKER_HOST`. */
  get dockerHost(): string {
    return `unix://${this.#sandbox.path('docker.sock')}`;
  }

  /** The address of containerd. */
  get containerdSocket(): string {
    return this.#sandbox.path('containerd.sock');
  }

  /** Starts dockerd; it needs no network of its own, since no container is run. */
  async startDocker(): Promise<void> {
    const folders = ['--data-root', this.#sandbox.path('data'), '--exec-root', this.#sandbox.path('exec')];
    const files = ['-H', this.dockerHost, '--pidfile', this.#sandbox.path('docker.pid')];
    const network = ['--bridge=none', '--iptables=false', '--ip6tables=false'];
    await this.#start('dockerd', [...folders, ...files, ...network], this.#sandbox.path('docker.sock'));
  }

  /** Starts containerd. */
  async startContainerd(): Promise<void> {
    mkdirSync(this.#sandbox.path('containerd'));
    const folders = [
      '--root',
      this.#sandbox.path('containerd/root'),
      '--state',
      this.#sandbox.path('containerd/state'),
    ];
    await this.#start('containerd', [...folders, '--address', this.containerdSocket], this.containerdSocket);
  }

  /** Stops the daemon and what it started, and lets go of what it mounted. */
  async stop(): Promise<void> {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    const pids = [pid, ...listDescendants(pid)];
    signalProcess(pid, 'SIGTERM');
    await waitForEnd(pid, 20_000).catch(() => undefined);
    for (const each of pids) signalProcess(each, 'SIGKILL');
    await Promise.all(pids.map((each) => waitForEnd(each, 5_000)));
    for (const place of this.#mounts()) await runProgram('umount', ['--lazy', place]);
  }

  async #start(program: string, args: readonly string[], socket: string): Promise<void> {
    const logFile = this.#sandbox.path(`${program}.log`);
    const log = openSync(logFile, 'a');
    const env = { ...inheritedEnvironment(), ...this.#sandbox.env };
    this.#child = spawn(program, args, { env, stdio: ['ignore', log, log] });
    closeSync(log);
    const end = Date.now() + longestStart;
    while (!(await answers(socket))) {
      if (this.#child.exitCode !== null || Date.now() > end) {
        throw new Error(`${program} did not start:\n${readFileSync(logFile, 'utf8').slice(-5_000)}`);
      }
      await sleep(50);
    }
  }

  #mounts(): string[] {
    const places = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '');
    return places.filter((place) => place.startsWith(`${this.#sandbox.directory}/`)).toReversed();
  }
}

function answers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}
