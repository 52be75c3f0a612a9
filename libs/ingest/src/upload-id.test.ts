import { randomBytes } from 'node:crypto';
import { parseRepositoryName, type RepositoryName } from '@entrepot/oci/repository-name';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { UploadIds, type UploadOwner } from './upload-id.ts';

function named(text: string): RepositoryName {
  const name = parseRepositoryName(text);
  if (name === undefined) throw new Error(`${text} is no repository name`);
  return name;
}

const name = named('project/app');
const owner: UploadOwner = { kind: 'user', id: 7 };
const day = 24 * 3600 * 1000;

const owners = fc.record({
  kind: fc.constantFrom('user' as const, 'robot' as const, 'anonymous' as const),
  id: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
});

describe('upload ids', () => {
  const ids = new UploadIds(randomBytes(32));

  afterEach(() => {
    vi.useRealTimers();
  });

  it('say again what they were made of, and stand in a path as they are', () => {
    fc.assert(
      fc.property(owners, fc.constantFrom('sha256' as const, 'sha512' as const), (who, algorithm) => {
        const { id, ticket } = ids.issue(name, who, algorithm);
        expect(id).toMatch(/^[A-Za-z0-9_-]{59}$/);
        expect(ids.find(id, name)).toEqual(ticket);
        expect(ticket).toMatchObject({ owner: who, algorithm });
      }),
    );
  });

  it('are never the same twice', () => {
    const all = Array.from({ length: 1000 }, () => ids.issue(name, owner, 'sha256').ticket.uuid);
    expect(new Set(all).size).toBe(1000);
    expect(all[0]).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('mean nothing in another repository or under another key', () => {
    const { id } = ids.issue(name, owner, 'sha256');
    expect(ids.find(id, named('project/other'))).toBeUndefined();
    expect(ids.find(id, named('project/app/x'))).toBeUndefined();
    expect(new UploadIds(randomBytes(32)).find(id, name)).toBeUndefined();
  });

  it('mean nothing once a single bit of them is another', () => {
    const bytes = Buffer.from(ids.issue(name, owner, 'sha256').id, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const forged = Buffer.from(bytes);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(ids.find(forged.toString('base64url'), name)).toBeUndefined();
    }
  });

  it('mean nothing when they were never issued', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
        expect(ids.find(text, name)).toBeUndefined();
      }),
    );
  });

  it('live for a day', () => {
    vi.useFakeTimers();
    const { id } = ids.issue(name, owner, 'sha256');
    vi.advanceTimersByTime(day - 2000);
    expect(ids.find(id, name)).toBeDefined();
    vi.advanceTimersByTime(3000);
    expect(ids.find(id, name)).toBeUndefined();
  });
});
