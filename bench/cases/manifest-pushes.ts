import { against3, onServers, type Bench, type Case, type Contender } from './case.ts';

/** Manifests with a config and five layers, acknowledged when they are on disk. */
export const manifestPushes: readonly Case[] = [
  {
    id: 'manifest-push',
    title: 'manifest push, 8 connections, durable, background work counted',
    targets: [against3('cpu', 4)],
    contenders: ({ entrepot, peers, load, content }) =>
      onServers([entrepot, ...peers], async (server) => {
        const images = await content.images(server, 'manifests', 8);
        let run = 0;
        return (seconds) =>
          load.run({
            kind: 'push-manifests',
            port: server.port,
            connections: 8,
            seconds,
            images,
            tagPrefix: `r${run++}-`,
          });
      }),
  },
  {
    id: 'group-commit',
    title: 'manifest push into one project at a flush of 5 ms: 16 connections against 1',
    targets: [{ metric: 'rate', against: '1 connection', atLeast: 8 }],
    contenders: async (bench) => {
      await bench.entrepot.sql([
        'ALTER SYSTEM SET commit_delay = 5000',
        'ALTER SYSTEM SET commit_siblings = 0',
        'SELECT pg_reload_conf()',
      ]);
      return await Promise.all([16, 1].map((connections) => pushThrough(bench, connections)));
    },
    restore: ({ entrepot }) =>
      entrepot.sql([
        'ALTER SYSTEM RESET commit_delay',
        'ALTER SYSTEM RESET commit_siblings',
        'SELECT pg_reload_conf()',
      ]),
  },
];

async function pushThrough({ entrepot, load, content }: Bench, connections: number): Promise<Contender> {
  const images = await content.images(entrepot, 'group', 16);
  let run = 0;
  return {
    name: connections === 1 ? '1 connection' : `${connections} connections`,
    server: entrepot,
    run: (seconds) =>
      load.run({
        kind: 'push-manifests',
        port: entrepot.port,
        connections,
        seconds,
        images,
        tagPrefix: `c${connections}-r${run++}-`,
      }),
  };
}
