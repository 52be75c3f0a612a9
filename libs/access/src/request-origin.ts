import { isIP } from 'node:net';
import { AppError } from '@entrepot/errors/app-error';
import type { Logger } from '@entrepot/telemetry/logger';
import { plainAddress, type TrustedProxies } from './trusted-proxies.ts';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** As much of a request as says where it came from. */
export interface IncomingRequest {
  readonly headers: Headers;
  readonly socket: { readonly remoteAddress?: string | undefined; readonly encrypted?: boolean | undefined };
}

/** How the client reached us, and from where. */
export interface RequestOrigin {
  readonly scheme: 'http' | 'https';
  /** `host` or `host:port`, as the client wrote it. */
  readonly host: string;
  /** The client's address; `undefined` when it came over a Unix socket. */
  readonly address: string | undefined;
}

const name = /^[a-z0-9](?:[a-z0-9_.-]*[a-z0-9.])?$/i;
const hostAndPort = /^(\[[^\]]*\]|[^:[\]]+)(?::(\d{1,5}))?$/;

/** Whether a text is `host` or `host:port` (RFC 9110 §7.2): a DNS name, an IPv4 or a bracketed IPv6 address. */
export function isHost(text: string): boolean {
  const match = text.length > 262 ? null : hostAndPort.exec(text);
  const host = match?.[1];
  if (host === undefined || Number(match?.[2] ?? 0) > 65_535) return false;
  return host.startsWith('[') ? isIP(host.slice(1, -1)) === 6 : name.test(host);
}

/** Reads where requests came from, believing only the proxies that the configuration trusts. */
export class RequestOrigins {
  readonly #trusted: TrustedProxies;
  readonly #log: Logger;
  readonly #named = new Set<string>();

  constructor(trusted: TrustedProxies, log: Logger) {
    this.#trusted = trusted;
    this.#log = log;
  }

  /** The origin of a request. `BAD_REQUEST` when `Host`, or what a trusted proxy says of it, is no host. */
  read(request: IncomingRequest): RequestOrigin {
    const { headers, socket } = request;
    const peer = socket.remoteAddress;
    const forwarded = this.#forwarded(peer, headers);
    const host = first(forwarded['x-forwarded-host']) ?? first(headers['host']);
    if (host === undefined || !isHost(host)) {
      throw new AppError(
        'BAD_REQUEST',
        'the Host header must be a host name or address, with or without a port',
      );
    }
    const direct = socket.encrypted === true ? 'https' : 'http';
    return {
      scheme: readScheme(forwarded['x-forwarded-proto']) ?? direct,
      host,
      address: this.#clientAddress(peer, forwarded['x-forwarded-for']),
    };
  }

  /** The client's address alone, whatever the request says of its host; `undefined` over a Unix socket. */
  findAddress({ headers, socket }: IncomingRequest): string | undefined {
    const peer = socket.remoteAddress;
    return this.#clientAddress(peer, this.#forwarded(peer, headers)['x-forwarded-for']);
  }

  // what the peer says of the request before it, as far as it is believed
  #forwarded(peer: string | undefined, headers: Headers): Headers {
    if (this.#trusted.includes(peer)) return headers;
    this.#nameStranger(peer, headers);
    return {};
  }

  // The nearest address that is not a proxy of ours: what stands before it, anybody may have written.
  #clientAddress(peer: string | undefined, forwarded: string | string[] | undefined): string | undefined {
    const direct = peer === undefined || peer === '' ? undefined : plainAddress(peer);
    const hops = [forwarded ?? []]
      .flat()
      .join(',')
      .split(',')
      .map((hop) => plainAddress(hop.trim()));
    let client = direct;
    for (const hop of hops.toReversed()) {
      if (isIP(hop) === 0) break;
      client = hop;
      if (!this.#trusted.includes(hop)) break;
    }
    return client;
  }

  #nameStranger(peer: string | undefined, headers: Headers): void {
    if (peer === undefined || this.#named.size >= 100 || this.#named.has(peer)) return;
    if (headers['x-forwarded-proto'] === undefined && headers['x-forwarded-host'] === undefined) return;
    this.#named.add(peer);
    this.#log.warn(
      { peer },
      'X-Forwarded headers of this peer are ignored; if it is your proxy, add it to ENTREPOT_TRUSTED_PROXIES',
    );
  }
}

function readScheme(header: string | string[] | undefined): 'http' | 'https' | undefined {
  const scheme = first(header)?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

function first(header: string | string[] | undefined): string | undefined {
  const value = typeof header === 'string' ? header : header?.[0];
  const part = value?.split(',', 1)[0]?.trim();
  return part === '' ? undefined : part;
}
