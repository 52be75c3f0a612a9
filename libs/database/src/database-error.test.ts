import { describe, expect, it } from 'vitest';
import { toPgConfig } from './connection-options.ts';
import { translateDatabaseError } from './database-error.ts';

function refusal(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('translateDatabaseError', () => {
  it.each(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', '53300', '57P03', '08P01'])(
    'takes %s for a database that does not answer',
    (code) => {
      expect(translateDatabaseError(refusal(code))).toMatchObject({ code: 'UNAVAILABLE', retryAfter: 2 });
    },
  );

  it('takes a violation of the protocol for a defect when it is PostgreSQL that says so', () => {
    const error = Object.assign(refusal('08P01'), { routine: 'exec_bind_message' });
    expect(translateDatabaseError(error)).toBe(error);
  });

  it('returns what the database refused as it is', () => {
    const error = refusal('23505');
    expect(translateDatabaseError(error)).toBe(error);
  });
});

describe('toPgConfig', () => {
  it.each([{ url: 'postgres://db/entrepot' }, { host: 'db', port: 5432, user: 'u', database: 'd' }])(
    'has every connection notice a peer that is gone without a word',
    (options) => {
      expect(toPgConfig(options)).toMatchObject({ keepAlive: true, keepAliveInitialDelayMillis: 30_000 });
    },
  );
});
