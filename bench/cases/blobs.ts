import { against3, onServers, type Case, type RatioTarget, type Scale } from './case.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** What tells the cases of blobs apart. */
interface Options {
  readonly id: string;
  readonly size: (scale: Scale) => number;
  readonly connections: number;
  readonly targets: readonly RatioTarget[];
  readonly maxRounds?: number;
  /** Operations in a round, where a round is not measured in seconds. */
  readonly operations?: number;
}

const fixed = (size: number) => () => size;
const large = (scale: Scale) => scale.large;

/** Blobs read, each through its link in a repository. */
export const blobReads: readonly Case[] = [
  read({
    id: 'blob-get-64k',
    size: fixed(64 * kibibyte),
    connections: 16,
    targets: [against3('cpu', 10)],
  }),
  read({ id: 'blob-get-4m', size: fixed(4 * mebibyte), connections: 4, targets: [against3('cpu', 1.3)] }),
  read({ id: 'blob-get-256m-1', size: large, connections: 1, targets: [against3('cpu', 1.1)] }),
  read({ id: 'blob-get-256m-4', size: large, connections: 4, targets: [against3('cpu', 1.1)] }),
];

/** Blobs pushed: acknowledged when they are on disk. */
export const blobPushes: readonly Case[] = [
  push({ id: 'blob-push-2k', size: fixed(2 * kibibyte), connections: 16, targets: [against3('cpu', 4)] }),
  push({
    id: 'blob-push-4m',
    size: fixed(4 * mebibyte),
    connections: 4,
    targets: [against3('cpu', 1.3), against3('rate', 1.2)],
  }),
  push({
    id: 'blob-push-256m-1',
    size: large,
    connections: 1,
    operations: 2,
    maxRounds: 3,
    targets: [against3('cpu', 1.1), against3('rate', 1.2)],
  }),
  push({
    id: 'blob-push-256m-4',
    size: large,
    connections: 4,
    operations: 4,
    maxRounds: 3,
    targets: [against3('cpu', 1), against3('rate', 0.9)],
  }),
];

function read({ id, size, connections, targets }: Options): Case {
  return {
    id,
    title: `blob GET, ${sizeIn(id)}, ${inWords(connections)}`,
    targets,
    contenders: ({ entrepot, peers, load, content, scale }) =>
      onServers([entrepot, ...peers], async (server) => {
        const bytes = size(scale);
        const count = bytes > 16 * mebibyte ? 2 : 16;
        const { repository, pushed } = await content.blobs(server, bytes, count);
        const targets_ = pushed.map((blob) => ({
          path: `/v2/${repository.name}/blobs/${blob.digest}`,
          method: 'GET' as const,
          token: 0,
          length: bytes,
        }));
        const what = { kind: 'read', tokens: [repository.token], targets: targets_ } as const;
        return (seconds) => load.run({ ...what, port: server.port, connections, seconds });
      }),
  };
}

function push({ id, size, connections, targets, maxRounds, operations }: Options): Case {
  return {
    id,
    title: `blob push, ${sizeIn(id)}, ${inWords(connections)}, durable`,
    targets,
    ...(maxRounds === undefined ? {} : { maxRounds }),
    contenders: ({ entrepot, peers, load, content, scale }) =>
      onServers([entrepot, ...peers], async (server) => {
        const repositories = await content.repositories(server, 'push', 4);
        const plan = {
          kind: 'push-blobs',
          port: server.port,
          connections,
          size: size(scale),
          repositories,
        } as const;
        return (seconds) =>
          load.run({ ...plan, ...(operations === undefined ? { seconds } : { operations }) });
      }),
  };
}

function sizeIn(id: string): string {
  const [, amount, letter] = /-(\d+)([km])/.exec(id) ?? [];
  return `${amount} ${letter === 'k' ? 'KiB' : 'MiB'}`;
}

function inWords(connections: number): string {
  return connections === 1 ? '1 connection' : `${connections} connections`;
}
