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
  { kind: 'single', scheme: /^redis(s?):$/, path: /^(?:\/(?<database>\d{1,4}))?\/?$/, port: 6379, most: 1 },
  // redis+sentinel://user:password@host:26379,host:26379/primary/0
  {
    kind: 'sentinel',
    scheme: /^redis(s?)\+sentinel:$/,
    path: /^\/(?<primary>[A-Za-z0-9._-]+)(?:\/(?<database>\d{1,4}))?\/?$/,
    port: 26_379,
    most: 99,
  },
  // redis+cluster://user:password@host:6379,host:6379
  { kind: 'cluster', scheme: /^redis(s?)\+cluster:$/, path: /^\/?$/, port: 6379, most: 99 },
] as const;

const parts =
  /^(?<scheme>[a-z+]+:)\/\/(?:(?<username>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<hosts>[^/?@]+)(?<path>\/[^?]*)?(?:\?(?<query>.*))?$/;

type Groups = Readonly<Record<string, string>>;

/** Reads `redis://`, `redis+sentinel://` and `redis+cluster://`, and the same with `rediss` for TLS; else `undefined`. */
export function parseRedisUrl(text: string): RedisAddress | undefined {
  const groups = parts.exec(text)?.groups;
  return groups === undefined ? undefined : readParts(groups);
}

function readParts({ scheme = '', hosts = '', path = '', ...secrets }: Groups): RedisAddress | undefined {
  const form = forms.find((each) => each.scheme.test(scheme) && each.path.test(path));
  const nodes = parseNodes(hosts, form?.port ?? 0);
  if (form === undefined || nodes === undefined || nodes.length > form.most) return undefined;
  return {
    kind: form.kind,
    nodes,
    tls: scheme.startsWith('rediss'),
    username: decode(secrets['username']),
    password: decode(secrets['password']),
    sentinelPassword: readSentinelPassword(secrets['query']),
    ...readPlace(form.path.exec(path)?.groups),
  };
}

function readSentinelPassword(query: string | undefined): string | undefined {
  return new URLSearchParams(query).get('sentinelPassword') ?? undefined;
}

function readPlace(
  groups: Readonly<Record<string, string>> = {},
): Pick<RedisAddress, 'database' | 'primary'> {
  return { database: Number(groups['database'] ?? 0), primary: groups['primary'] ?? '' };
}

function parseNodes(hosts: string, usualPort: number): RedisNode[] | undefined {
  const nodes = hosts.split(',').map((host) => parseNode(host, usualPort));
  return nodes.every((node) => node !== undefined) ? nodes : undefined;
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
