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

  it('never prints a password that was given, and says when it is ignored', () => {
    expect(formatBanner({ ...facts, administrator: { kind: 'given' } })).toContain('ENTREPOT_ADMIN_PASSWORD');
    const present = formatBanner({
      ...facts,
      administrator: { kind: 'present', file: undefined, ignored: true },
    });
    expect(present).toMatch(/ENTREPOT_ADMIN_PASSWORD is ignored[^]*reset-password/);
  });
});
