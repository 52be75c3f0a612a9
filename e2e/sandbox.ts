import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeImageLayout, type Descriptor, type ImageLayout } from './image-layout.ts';
import { runProgram, type ProgramResult, type RunOptions } from './programs.ts';

/** A place of its own for one client: home, credentials, storage; nothing of the user's is read or written. */
export class Sandbox {
  readonly directory: string;
  /** An image and an index that only this sandbox holds. */
  readonly layout: ImageLayout;
  /** How much the client's own layers should hold, in bytes that do not compress. */
  readonly layerBytes: number;
  readonly env: Readonly<Record<string, string>>;
  #folders = 0;

  constructor(name: string, layerBytes = 200_000) {
    this.layerBytes = layerBytes;
    // podman makes image names of paths, and those are in lower case
    this.directory = join(tmpdir(), `entrepot-${name}-${randomBytes(6).toString('hex')}`);
    mkdirSync(this.directory, { mode: 0o755 });
    this.layout = writeImageLayout(this.path('layout'), layerBytes);
    for (const folder of ['home', 'run', 'docker']) mkdirSync(this.path(folder), { mode: 0o700 });
    writeFileSync(this.path('storage.conf'), this.#storageConfiguration());
    writeFileSync(this.path('home/policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
    // podman and buildah refuse to run when the file that they are told of is not there
    writeFileSync(this.path('run/auth.json'), '{"auths":{}}');
    this.env = {
      HOME: this.path('home'),
      XDG_CONFIG_HOME: this.path('home/config'),
      XDG_CACHE_HOME: this.path('home/cache'),
      XDG_DATA_HOME: this.path('home/share'),
      XDG_RUNTIME_DIR: this.path('run'),
      DOCKER_CONFIG: this.path('docker'),
      REGISTRY_AUTH_FILE: this.path('run/auth.json'),
      CONTAINERS_STORAGE_CONF: this.path('storage.conf'),
      TMPDIR: this.directory,
    };
  }

  /** A path in the sandbox. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** A path that nothing has been written to. */
  newPath(): string {
    this.#folders += 1;
    return this.path(`new-${this.#folders}`);
  }

  /** An image layout that names nothing but these: some clients push all that a layout names. */
  writeLayoutOf(manifests: readonly Descriptor[]): string {
    const directory = this.newPath();
    cpSync(this.layout.directory, directory, { recursive: true });
    writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    return directory;
  }

  /** Runs a client to its end. */
  async run(program: string, args: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
    return await runProgram(program, args, {
      cwd: this.directory,
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  /** Runs a client that has to succeed; throws what it said otherwise. */
  async expectSuccess(
    program: string,
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<ProgramResult> {
    const result = await this.run(program, args, options);
    if (result.code === 0) return result;
    throw new Error(`${program} ${args.join(' ')} ended with ${result.code}:\n${result.output}`);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  // of podman, buildah and skopeo: the one driver that needs no kernel support
  #storageConfiguration(): string {
    const lines = ['[storage]', 'driver = "vfs"'];
    lines.push(`graphroot = "${this.path('graph')}"`, `runroot = "${this.path('rungraph')}"`);
    return `${lines.join('\n')}\n`;
  }
}

/** The descriptors that an image layout names at its top. */
export function readLayout(directory: string): Descriptor[] {
  const index = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as {
    manifests: Descriptor[];
  };
  return index.manifests;
}
