import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './redis-url.ts';

const plain = {
  tls: false,
  username: undefined,
  password: undefined,
  sentinelPassword: undefined,
  database: 0,
  primary: '',
};

describe('parseRedisUrl', () => {
  it.each([
    ['redis://localhost', { kind: 'single', nodes: [{ host: 'localhost', port: 6379 }] }],
    ['redis://10.0.0.1:7000/3', { kind: 'single', nodes: [{ host: '10.0.0.1', port: 7000 }], database: 3 }],
    ['rediss://[fd00::1]:6380/', { kind: 'single', nodes: [{ host: 'fd00::1', port: 6380 }], tls: true }],
    [
      'redis://app:p%40ss@redis',
      { kind: 'single', nodes: [{ host: 'redis', port: 6379 }], username: 'app', password: 'p@ss' },
    ],
    ['redis://:secret@redis', { kind: 'single', nodes: [{ host: 'redis', port: 6379 }], password: 'secret' }],
    [
      'redis+sentinel://:secret@a,b:26380/mymaster/1?sentinelPassword=other',
      {
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 26_380 },
        ],
        password: 'secret',
        sentinelPassword: 'other',
        database: 1,
        primary: 'mymaster',
      },
    ],
    [
      'rediss+cluster://a:7000,b:7001',
      {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 7000 },
          { host: 'b', port: 7001 },
        ],
        tls: true,
      },
    ],
  ])('%s', (text, address) => {
    expect(parseRedisUrl(text)).toEqual({ ...plain, ...address });
  });

  it.each([
    'http://redis',
    'redis://',
    'redis://a,b',
    'redis://a/one',
    'redis://a:99999',
    'redis+sentinel://a:26379',
    'redis+cluster://a/1',
    'redis',
  ])('%s is none', (text) => {
    expect(parseRedisUrl(text)).toBeUndefined();
  });
});
