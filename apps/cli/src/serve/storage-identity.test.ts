import { describe, expect, it } from 'vitest';
import { compareIdentities } from './storage-identity.ts';

const instance = '5f0c0c5e-6d5d-4f2b-9d6a-0c9f4f6f2b11';
const other = '0a1b2c3d-6d5d-4f2b-9d6a-0c9f4f6f2b11';
const place = '/srv/storage';
const found = { instance, format: 1, epoch: 2 } as const;
const known = { id: instance, epoch: 2, hasContent: true };

describe('storage and database', () => {
  it('that name the same instance and epoch belong together', () => {
    expect(compareIdentities({ found, known, place })).toBe('same');
  });

  it.each([undefined, { ...known, hasContent: false }])(
    'go together when the storage is new and the database has no content (%j)',
    (without) => {
      expect(compareIdentities({ found: undefined, known: without, place })).toBe('new storage');
    },
  );

  it.each([
    [
      'there is no storage for the content',
      undefined,
      known,
      /^the storage \/srv\/storage is not the one that/,
    ],
    [
      'the database is new',
      found,
      undefined,
      /belongs to a database that is not the one of these settings, which is new/,
    ],
    ['they are of different instances', found, { ...known, id: other }, /belongs to another database/],
    [
      'the database was restored alone',
      found,
      { ...known, epoch: 3 },
      /^the storage is older than the database/,
    ],
    [
      'the storage was restored alone',
      found,
      { ...known, epoch: 1 },
      /^the database is older than the storage/,
    ],
  ])('are refused when %s', (_, identity, row, message) => {
    expect(() => compareIdentities({ found: identity, known: row, place })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string }),
    );
  });
});
