import { describe, expect, it } from 'vitest';
import { checkMetadata } from './project-metadata.ts';

describe('checkMetadata', () => {
  it.each([
    [{ public: 'True' }, { public: 'true' }],
    [{ auto_scan: '0' }, { auto_scan: 'false' }],
    [{ prevent_vul: '' }, { prevent_vul: 'false' }],
    [{ severity: 'Critical' }, { severity: 'critical' }],
    [
      { proxy_speed_kb: '-1', max_upstream_conn: '4' },
      { proxy_speed_kb: '-1', max_upstream_conn: '4' },
    ],
    [{ proxy_cache_filter_kind: 'regex' }, { proxy_cache_filter_kind: 'regex' }],
    [{ auto_scan: null, severity: undefined }, {}],
    [{ retention_id: '' }, {}],
  ])('keeps %j as %j', (given, kept) => {
    expect(checkMetadata(given)).toEqual(kept);
  });

  it('lets a client send back the retention policy that it read', () => {
    expect(checkMetadata({ retention_id: '3' }, { retention_id: '3' })).toEqual({});
    expect(() => checkMetadata({ retention_id: '4' }, { retention_id: '3' })).toThrow(/retention_id/);
  });

  it.each<Record<string, string>>([
    { unknown: 'x' },
    { constructor: 'x' },
    { auto_scan: 'perhaps' },
    { severity: 'fatal' },
    { proxy_speed_kb: '-2' },
    { proxy_speed_kb: '1.5' },
    { max_upstream_conn: '0' },
    { proxy_cache_filter_kind: 'glob' },
  ])('refuses %j as a bad request', (given) => {
    expect(() => checkMetadata(given)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });
});
