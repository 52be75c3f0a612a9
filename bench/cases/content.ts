import type { LoadProcess } from '../load/load-process.ts';
import { mediaTypes, type Image, type Pushed, type Repository } from '../load/plan.ts';
import type { Server } from '../servers/server.ts';

const blobsOfImage = 6;
const pushConnections = 8;

/** Manifests and the images that they came from. */
export interface Manifests {
  readonly images: readonly Image[];
  readonly pushed: readonly Pushed[];
}

/** Content on the servers, pushed through their API when a case first wants it. */
export class Content {
  readonly #load: LoadProcess;
  readonly #made = new Map<string, Promise<unknown>>();

  constructor(load: LoadProcess) {
    this.#load = load;
  }

  /** Repositories `bench/<prefix>-0` and so on, with their tokens. */
  repositories(server: Server, prefix: string, count: number): Promise<Repository[]> {
    return this.#once(`${server.name} repositories ${prefix}`, async () => {
      const repositories: Repository[] = [];
      for (let index = 0; index < count; index++) {
        const name = `bench/${prefix}-${index}`;
        repositories.push({ name, token: await server.token(name) });
      }
      return repositories;
    });
  }

  /** The same with a config of 2 KiB and five layers in each. */
  images(server: Server, prefix: string, count: number): Promise<Image[]> {
    return this.#once(`${server.name} images ${prefix}`, async () => {
      const repositories = await this.repositories(server, prefix, count);
      const { pushed } = await this.#load.run({
        kind: 'push-blobs',
        port: server.port,
        connections: pushConnections,
        operations: count * blobsOfImage,
        size: 2048,
        repositories,
      });
      return repositories.map((repository) => toImage(repository, pushed));
    });
  }

  /** `count` manifests, each under a tag of its own, spread over the repositories. */
  manifests(
    server: Server,
    options: { prefix: string; repositories: number; count: number },
  ): Promise<Manifests> {
    const { prefix, repositories, count } = options;
    return this.#once(`${server.name} manifests ${prefix}`, async () => {
      const images = await this.images(server, prefix, repositories);
      const { pushed } = await this.#load.run({
        kind: 'push-manifests',
        port: server.port,
        connections: pushConnections,
        operations: count,
        images,
        tagPrefix: 't',
      });
      await server.settle();
      return { images, pushed };
    });
  }

  /** `count` blobs of one size in one repository. */
  blobs(
    server: Server,
    size: number,
    count: number,
  ): Promise<{ repository: Repository; pushed: readonly Pushed[] }> {
    return this.#once(`${server.name} blobs ${size}`, async () => {
      const repositories = await this.repositories(server, `blobs${size}`, 1);
      const { pushed } = await this.#load.run({
        kind: 'push-blobs',
        port: server.port,
        connections: Math.min(count, pushConnections),
        operations: count,
        size,
        repositories,
      });
      const [repository] = repositories;
      if (repository === undefined) throw new Error('no repository');
      return { repository, pushed };
    });
  }

  #once<Value>(key: string, make: () => Promise<Value>): Promise<Value> {
    const made = (this.#made.get(key) as Promise<Value> | undefined) ?? make();
    this.#made.set(key, made);
    return made;
  }
}

function toImage(repository: Repository, pushed: readonly Pushed[]): Image {
  const own = pushed.filter((blob) => blob.repository === repository.name);
  const [config, ...layers] = own;
  if (config === undefined) throw new Error(`no blobs in ${repository.name}`);
  return {
    ...repository,
    config: { mediaType: mediaTypes.config, digest: config.digest, size: config.size },
    layers: layers.map(({ digest, size }) => ({ mediaType: mediaTypes.layer, digest, size })),
  };
}
