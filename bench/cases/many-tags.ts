import { against3, onServers, type Bench, type Case, type Contender } from './case.ts';

/** Few tags, to compare with many. */
const few = 100;
const page = 100;
/** What costs no more than 1.3 times as much with many tags as with few. */
const withinTarget = [{ metric: 'cpu', against: 'few tags', atLeast: 1 / 1.3 }] as const;

/** Repositories with many tags. */
export const manyTags: readonly Case[] = [
  {
    id: 'tags-list',
    title: 'tags/list, 100 of many, from a random place, 8 connections',
    targets: [against3('cpu', 5)],
    // docker-registry 2.8.2 knows neither n nor last: it would answer something else
    contenders: (bench) =>
      onServers(
        [bench.entrepot, ...bench.peers.filter(({ name }) => name !== 'docker-registry')],
        async (server) => {
          const { images, pushed } = await bench.content.manifests(server, manyIn(bench));
          const last = pushed.map(({ tag }) => tag).toSorted();
          const targets = last.slice(0, -page).map((tag) => ({
            path: `/v2/${images[0]?.name}/tags/list?n=${page}&last=${tag}`,
            method: 'GET' as const,
            token: 0,
          }));
          const tokens = images.map(({ token }) => token);
          const what = { kind: 'read', tokens, targets } as const;
          return (seconds) => bench.load.run({ ...what, port: server.port, connections: 8, seconds });
        },
      ),
  },
  {
    id: 'many-tags-get',
    title: 'manifest GET by tag, many tags in the repository against 100, 16 connections',
    targets: withinTarget,
    contenders: (bench) =>
      manyAndFew(bench, async (options) => {
        const { images, pushed } = await bench.content.manifests(bench.entrepot, options);
        const targets = pushed.map(({ repository, tag, size }) => ({
          path: `/v2/${repository}/manifests/${tag}`,
          method: 'GET' as const,
          token: 0,
          length: size,
        }));
        const what = { kind: 'read', tokens: images.map(({ token }) => token), targets } as const;
        return (seconds) => bench.load.run({ ...what, port: bench.entrepot.port, connections: 16, seconds });
      }),
  },
  {
    id: 'many-tags-push',
    title: 'manifest push to an existing tag, many tags in the repository against 100, 8 connections',
    targets: withinTarget,
    contenders: (bench) =>
      manyAndFew(bench, async (options) => {
        const { images } = await bench.content.manifests(bench.entrepot, options);
        const what = { kind: 'push-manifests', images, tagPrefix: 't', tags: options.count } as const;
        return (seconds) => bench.load.run({ ...what, port: bench.entrepot.port, connections: 8, seconds });
      }),
  },
];

type Options = ReturnType<typeof manyIn>;

async function manyAndFew(
  bench: Bench,
  prepare: (options: Options) => Promise<Contender['run']>,
): Promise<Contender[]> {
  const server = bench.entrepot;
  return [
    { name: 'many tags', server, run: await prepare(manyIn(bench)) },
    { name: 'few tags', server, run: await prepare({ prefix: 'few', repositories: 1, count: few }) },
  ];
}

function manyIn({ scale }: Bench): { prefix: string; repositories: number; count: number } {
  return { prefix: 'many', repositories: 1, count: scale.tags };
}
