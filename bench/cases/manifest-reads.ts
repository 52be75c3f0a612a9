import type { Pushed, Target } from '../load/plan.ts';
import { against3, onServers, type Case } from './case.ts';

type Reference = 'tag' | 'digest';

/** One hot manifest, by GET and HEAD, by tag and digest; then many keys. */
export const manifestReads: readonly Case[] = [
  hot('GET', 'tag'),
  hot('GET', 'digest'),
  hot('HEAD', 'tag'),
  hot('HEAD', 'digest'),
  manyKeys(16, 4),
  manyKeys(64, 6),
];

function hot(method: Target['method'], reference: Reference): Case {
  return {
    id: `manifest-${method.toLowerCase()}-${reference}`,
    title: `manifest ${method} by ${reference}, one hot key, 16 connections`,
    targets: [against3('cpu', 8)],
    contenders: ({ entrepot, peers, load, content }) =>
      onServers([entrepot, ...peers], async (server) => {
        const made = await content.manifests(server, { prefix: 'hot', repositories: 1, count: 1 });
        const targets = made.pushed.map((pushed) => toTarget(pushed, { method, reference, token: 0 }));
        const tokens = made.images.map(({ token }) => token);
        const plan = { kind: 'read', port: server.port, connections: 16, tokens, targets } as const;
        return (seconds) => load.run({ ...plan, seconds });
      }),
  };
}

function manyKeys(connections: number, atLeast: number): Case {
  return {
    id: `manifest-keys-${connections}`,
    title: `manifest GET, many keys in many repositories, half by tag, half by digest, ${connections} connections`,
    targets: [against3('cpu', atLeast)],
    contenders: ({ entrepot, peers, load, content, scale }) =>
      onServers([entrepot, ...peers], async (server) => {
        const options = { prefix: 'keys', repositories: scale.repositories, count: scale.keys };
        const { images, pushed } = await content.manifests(server, options);
        const token = new Map(images.map(({ name }, index) => [name, index]));
        const targets = pushed.map((one, index) =>
          toTarget(one, {
            method: 'GET',
            reference: index % 2 === 0 ? 'tag' : 'digest',
            token: token.get(one.repository) ?? -1,
          }),
        );
        const tokens = images.map((image) => image.token);
        const plan = { kind: 'read', port: server.port, connections, tokens, targets } as const;
        return (seconds) => load.run({ ...plan, seconds });
      }),
  };
}

function toTarget(
  pushed: Pushed,
  options: { method: Target['method']; reference: Reference; token: number },
): Target {
  const { method, reference, token } = options;
  const path = `/v2/${pushed.repository}/manifests/${pushed[reference]}`;
  return { path, method, token, length: pushed.size };
}
