import { BlockList, isIP } from 'node:net';
import { AppError } from '@entrepot/errors/app-error';

/** The setting's default: a proxy on the machine itself. */
export const defaultTrustedProxies: readonly string[] = ['127.0.0.0/8', '::1/128'];

/**
 * The peers whose `X-Forwarded-*` headers are believed: Unix sockets, and addresses within the given ranges.
 */
export class TrustedProxies {
  readonly #ranges = new BlockList();

  /** `ranges` in CIDR notation, or single addresses. `CONFIG_INVALID` names every one that is neither. */
  constructor(ranges: readonly string[] = defaultTrustedProxies) {
    const wrong = ranges.filter((range) => !this.#add(range));
    if (wrong.length === 0) return;
    throw new AppError(
      'CONFIG_INVALID',
      `ENTREPOT_TRUSTED_PROXIES: not an address range: ${wrong.join(', ')}; write for example 10.0.0.0/8,fd00::/8`,
    );
  }

  /** Whether the peer of a connection is trusted; `undefined` is a Unix socket. */
  includes(address: string | undefined): boolean {
    if (address === undefined || address === '') return true;
    const plain = plainAddress(address);
    const version = isIP(plain);
    return version !== 0 && this.#ranges.check(plain, version === 4 ? 'ipv4' : 'ipv6');
  }

  #add(range: string): boolean {
    const [address = '', bits, ...rest] = range.trim().split('/');
    const version = isIP(address);
    const widest = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? widest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (version === 0 || rest.length > 0 || !(prefix <= widest)) return false;
    this.#ranges.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6');
    return true;
  }
}

/** An address without the IPv6 wrapping of IPv4 (`::ffff:10.0.0.1`) that dual-stack sockets report, and without zone. */
export function plainAddress(address: string): string {
  const unwrapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  return unwrapped.replace(/%.*$/, '');
}
