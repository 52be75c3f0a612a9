import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLogger } from '@entrepot/telemetry/logger';
import { challengeFor } from './challenge.ts';
import { isHost, RequestOrigins, type IncomingRequest } from './request-origin.ts';
import { TrustedProxies } from './trusted-proxies.ts';

function origins(ranges?: readonly string[], lines: string[] = []): RequestOrigins {
  const destination = { write: (line: string) => void lines.push(line) };
  return new RequestOrigins(new TrustedProxies(ranges), createLogger({ level: 'warn', destination }));
}

function request(remoteAddress: string | undefined, headers: IncomingRequest['headers']): IncomingRequest {
  return { headers, socket: { remoteAddress } };
}

describe('RequestOrigins', () => {
  it('reads the host as the client wrote it', () => {
    expect(origins().read(request('203.0.113.7', { host: 'registry.example:8443' }))).toEqual({
      scheme: 'http',
      host: 'registry.example:8443',
      address: '203.0.113.7',
    });
  });

  it('knows TLS of its own', () => {
    const tls = { headers: { host: 'r' }, socket: { remoteAddress: '10.0.0.1', encrypted: true } };
    expect(origins().read(tls).scheme).toBe('https');
  });

  it.each([undefined, '127.0.0.1', '::1', '::ffff:127.0.0.1'])('believes the proxy at %s', (peer) => {
    const headers = {
      host: 'inner',
      'x-forwarded-host': 'registry.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '198.51.100.1, 203.0.113.9',
    };
    expect(origins().read(request(peer, headers))).toEqual({
      scheme: 'https',
      host: 'registry.example',
      address: '203.0.113.9',
    });
  });

  it('skips trusted proxies on the way to the client, and believes nothing before the first stranger', () => {
    const headers = { host: 'r', 'x-forwarded-for': '1.1.1.1, 203.0.113.9, 10.1.2.3' };
    expect(origins(['10.0.0.0/8']).read(request('10.0.0.1', headers)).address).toBe('203.0.113.9');
  });

  it('ignores the headers of others and names them once', () => {
    const lines: string[] = [];
    const reader = origins(['10.0.0.0/8'], lines);
    const headers = {
      host: 'inner',
      'x-forwarded-host': 'evil',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '1.1.1.1',
    };
    for (let times = 0; times < 3; times++) {
      expect(reader.read(request('203.0.113.7', headers))).toEqual({
        scheme: 'http',
        host: 'inner',
        address: '203.0.113.7',
      });
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('203.0.113.7');
  });

  it.each([
    undefined,
    '',
    'a b',
    'host:99999',
    'host:port',
    'user@host',
    'host/path',
    '[::1',
    '[zz]',
    'a"b',
    'x\r\ny',
  ])('refuses the host %j', (host) => {
    expect(() => origins().read(request('10.0.0.1', { host }))).toThrow(/Host/);
  });
});

describe('isHost', () => {
  it.each([
    'localhost',
    'localhost:8080',
    'a.b-c_d.example.',
    '10.0.0.1:5000',
    '[::1]:5000',
    '[2001:db8::1]',
  ])('takes %s', (host) => {
    expect(isHost(host)).toBe(true);
  });

  it('takes nothing that could leave the quotes of a header', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        return !isHost(text) || /^[\w.[\]:-]+$/.test(text);
      }),
    );
  });
});

describe('TrustedProxies', () => {
  it('reads ranges of both versions and single addresses', () => {
    const proxies = new TrustedProxies(['192.0.2.0/24', '2001:db8::/32', '198.51.100.7']);
    expect(
      ['192.0.2.255', '::ffff:192.0.2.1', '2001:db8:1::5', '198.51.100.7'].every((a) => proxies.includes(a)),
    ).toBe(true);
    expect(['192.0.3.0', '2001:db9::', '198.51.100.8', 'nonsense'].some((a) => proxies.includes(a))).toBe(
      false,
    );
  });

  it('names every range that is none', () => {
    expect(() => new TrustedProxies(['10.0.0.0/8', '10.0.0.0/33', 'proxy', '::1/129', '1.2.3.4/'])).toThrow(
      '10.0.0.0/33, proxy, ::1/129, 1.2.3.4/',
    );
  });
});

describe('challengeFor', () => {
  it('names the very host and port of the client, and every scope', () => {
    const origin = { scheme: 'https', host: 'registry.example:8443', address: undefined } as const;
    const scopes = [
      { type: 'repository', name: 'a/b', actions: ['pull', 'push'] },
      { type: 'repository', name: 'c/d', actions: ['pull'] },
    ];
    expect(challengeFor(origin, scopes)).toBe(
      'Bearer realm="https://registry.example:8443/service/token",service="entrepot-registry",' +
        'scope="repository:a/b:pull,push repository:c/d:pull"',
    );
  });
});
