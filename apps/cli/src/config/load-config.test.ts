import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from './config.ts';
import { knownNames, loadConfig } from './load-config.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'config-test-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function problemsOf(environment: Record<string, string>): string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as Error).message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

describe('loadConfig', () => {
  it('needs nothing to be set', () => {
    expect(loadConfig({ PATH: '/bin' })).toMatchObject({
      httpPort: 8080,
      httpHost: '127.0.0.1',
      data: './data',
      readOnly: false,
      metricsAddress: '127.0.0.1:9464',
    });
  });

  it('reads numbers, flags, lists and URLs', () => {
    const config = loadConfig({
      ENTREPOT_HTTP_PORT: '5000',
      ENTREPOT_READ_ONLY: 'true',
      ENTREPOT_TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8',
      ENTREPOT_EXTERNAL_URL: 'https://registry.example.com/',
    });
    expect(config).toMatchObject({
      httpPort: 5000,
      readOnly: true,
      trustedProxies: ['10.0.0.0/8', 'fd00::/8'],
      externalUrl: 'https://registry.example.com',
    });
  });

  it('names every problem at once, each with its fix', () => {
    const problems = problemsOf({
      ENTREPOT_HTTP_PORT: '80800',
      ENTREPOT_READ_ONLY: 'yes',
      ENTREPOT_TRUSTED_PROXIES: '10.0.0.0/33',
      ENTREPOT_SECRET_KEY: 'short',
      ENTREPOT_HTP_HOST: '0.0.0.0',
    });
    expect(problems).toEqual([
      'ENTREPOT_HTP_HOST is not a setting: did you mean ENTREPOT_HTTP_HOST?',
      'ENTREPOT_HTTP_PORT must be a whole number from 0 to 65535',
      expect.stringMatching(/^ENTREPOT_TRUSTED_PROXIES must be IP addresses or networks/),
      expect.stringMatching(/^ENTREPOT_SECRET_KEY must have at least 32 characters: make one with/),
      'ENTREPOT_READ_ONLY must be true or false',
    ]);
  });

  it.each(['redis://redis/0', 'rediss+sentinel://a,b/primary', 'redis+cluster://a:7000,b:7000'])(
    'takes %s for Redis',
    (url) => {
      expect(loadConfig({ ENTREPOT_REDIS_URL: url }).redisUrl).toBe(url);
    },
  );

  it('says that the way past a pooler is none without a pooler', () => {
    expect(problemsOf({ ENTREPOT_DATABASE_DIRECT_URL: 'postgresql://db/entrepot' })).toEqual([
      'ENTREPOT_DATABASE_DIRECT_URL is the way past ENTREPOT_DATABASE_URL, which is missing',
    ]);
  });

  it('says how a URL of Redis is written', () => {
    expect(problemsOf({ ENTREPOT_REDIS_URL: 'redis+sentinel://a:26379' })).toEqual([
      expect.stringMatching(/^ENTREPOT_REDIS_URL must be redis:.*redis\+sentinel:.*\/primary/),
    ]);
  });

  it('takes an empty variable for one that is not set', () => {
    expect(loadConfig({ ENTREPOT_HTTP_PORT: '', ENTREPOT_DATABASE_URL: '' }).httpPort).toBe(8080);
  });

  it('reads a secret from a file, without its last line break', () => {
    const file = join(directory, 'key');
    writeFileSync(file, `${'k'.repeat(40)}\n`);
    expect(loadConfig({ ENTREPOT_SECRET_KEY_FILE: file }).secretKey).toBe('k'.repeat(40));
  });

  it('refuses a secret given twice, and a file that is not there', () => {
    const file = join(directory, 'missing');
    expect(problemsOf({ ENTREPOT_SECRET_KEY: 'k'.repeat(40), ENTREPOT_SECRET_KEY_FILE: file })).toEqual([
      'ENTREPOT_SECRET_KEY and ENTREPOT_SECRET_KEY_FILE are both set: keep one of them',
    ]);
    expect(problemsOf({ ENTREPOT_SECRET_KEY_FILE: file })).toEqual([
      `ENTREPOT_SECRET_KEY_FILE must name a file that this user can read, and ${file} is none`,
    ]);
  });

  it('asks for the certificate and its key together', () => {
    const file = join(directory, 'cert.pem');
    writeFileSync(file, '');
    expect(problemsOf({ ENTREPOT_TLS_CERT_FILE: file })).toEqual([
      'ENTREPOT_TLS_KEY_FILE is missing: certificate and key go together',
    ]);
  });

  it('never repeats the value of a secret in a problem', () => {
    const problems = problemsOf({
      ENTREPOT_DATABASE_URL: 'mysql://root:hunter2@db',
      ENTREPOT_ADMIN_PASSWORD: 'hunter2',
    });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain('hunter2');
  });
});

describe('the settings', () => {
  it('each say what they are', () => {
    for (const [name, schema] of Object.entries(configSchema.shape)) {
      expect(schema.description, name).toMatch(/\.$/);
    }
  });

  it('have names of their own, also those of files', () => {
    const names = knownNames();
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('ENTREPOT_ADMIN_PASSWORD_FILE');
  });
});
