/** How Redis is run: one server, a primary that Sentinels name, or a Cluster. */
export type RedisKind = 'single' | 'sentinel' | 'cluster';

/** What a URL says of where Redis is. */
export interface RedisAddress {
  readonly kind: RedisKind;
  /** The server; the Sentinels; some nodes of the Cluster, which name the others. */
  readonly nodes: readonly RedisNode[];
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** What the Sentinels want to hear, where they have a password of their own. */
  readonly sentinelPassword: string | undefined;
  /** Number of the database; a Cluster has only 0. */
  readonly database: number;
  /** The name under which Sentinels know the primary; empty otherwise. */
  readonly primary: string;
}

/** A host, or a bracketed IPv6 address without its brackets, and a port. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

const forms = [
  // redis://user:password@host:6379/0
  { kind: 'single', scheme: /^redis(s?):$/, path: /^(?:\/(?<database>\d{1,4}))?\/?$/, port: 6379 },
  // redis+sentinel://user:password@host:26379,host:26379/primary/0
  {
    kind: 'sentinel',
    scheme: /^redis(s?)\+sentinel:$/,
    path: /^\/(?<primary>[A-Za-z0-9._-]+)(?:\/(?<database>\d{1,4}))?\/?$/,
    port: 26_379,
  },
  // redis+cluster://user:password@host:6379,host:6379
  { kind: 'cluster', scheme: /^redis(s?)\+cluster:$/, path: /^\/?$/, port: 6379 },
] as const;

const parts =
  /^(?<scheme>[a-z+]+:)\/\/(?:(?<username>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<hosts>[^/?@]+)(?<path>\/[^?]*)?(?:\?(?<query>.*))?$/;

/** Reads `redis://`, `redis+sentinel://` and `redis+cluster://`, and the same with `rediss` for TLS; else `undefined`. */
export function parseRedisUrl(text: string): RedisAddress | undefined {
  const found = parts.exec(text)?.groups;
  const form = forms.find(({ scheme }) => scheme.test(found?.['scheme'] ?? ''));
  const path = form?.path.exec(found?.['path'] ?? '');
  if (found === undefined || form === undefined || path === null || path === undefined) return undefined;
  const nodes = (found['hosts'] ?? '').split(',').map((host) => parseNode(host, form.port));
  const whole = nodes.filter((node) => node !== undefined);
  if (whole.length !== nodes.length || (form.kind === 'single' && nodes.length > 1)) return undefined;
  return {
    kind: form.kind,
    nodes: whole,
    tls: found['scheme']?.startsWith('rediss') === true,
    username: decode(found['username']),
    password: decode(found['password']),
    sentinelPassword: new URLSearchParams(found['query']).get('sentinelPassword') ?? undefined,
    database: Number(path.groups?.['database'] ?? 0),
    primary: path.groups?.['primary'] ?? '',
  };
}

function parseNode(text: string, usualPort: number): RedisNode | undefined {
  const match = /^(?:\[(?<six>[0-9a-f:]+)\]|(?<name>[A-Za-z0-9._-]+))(?::(?<port>\d{1,5}))?$/i.exec(
    text,
  )?.groups;
  const port = Number(match?.['port'] ?? usualPort);
  if (match === undefined || port < 1 || port > 65_535) return undefined;
  return { host: match['six'] ?? match['name'] ?? '', port };
}

function decode(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
