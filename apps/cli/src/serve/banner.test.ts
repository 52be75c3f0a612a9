import { describe, expect, it } from 'vitest';
import { formatBanner } from './banner.ts';

const facts = { version: '1.2.3', url: 'http://127.0.0.1:8080', loopbackOnly: true } as const;

describe('formatBanner', () => {
  it('prints the password that was made once, where it is kept, and the lines of a first push', () => {
    const text = formatBanner({
      ...facts,
      administrator: { kind: 'made', password: 'Secret123', file: '/d/admin-password' },
    });
    expect(text).toContain('http://127.0.0.1:8080');
    expect(text).toContain('Secret123');
    expect(text).toContain('/d/admin-password');
    expect(text).toMatch(
      /docker login 127\.0\.0\.1:8080[^]*docker tag alpine 127\.0\.0\.1:8080\/library[^]*docker push/,
    );
    expect(text).toContain('ENTREPOT_HTTP_HOST=0.0.0.0');
  });

  it.each([
    ['http://localhost:8080', false, true],
    ['https://localhost:8443', false, false],
    ['https://registry.example.com', false, false],
    ['http://127.0.0.1:8080', true, false],
  ])('warns of passwords that can be read: %s, loopback only: %s → %s', (url, loopbackOnly, warns) => {
    const text = formatBanner({ ...facts, url, loopbackOnly, administrator: { kind: 'given' } });
    expect(/without TLS: passwords and tokens can be read/.test(text)).toBe(warns);
  });

  it('never prints a password that was given, and says when it is ignored', () => {
    expect(formatBanner({ ...facts, administrator: { kind: 'given' } })).toContain('ENTREPOT_ADMIN_PASSWORD');
    const present = formatBanner({
      ...facts,
      administrator: { kind: 'present', file: undefined, ignored: true },
    });
    expect(present).toMatch(/ENTREPOT_ADMIN_PASSWORD is ignored[^]*reset-password/);
  });
});
