import { describe, expect, it } from 'vitest';
import { facts, isFactName, parseFact } from './fact.ts';

const hex = 'ab'.repeat(32);
const row = {
  id: 7,
  fact: 'tag.moved',
  version: 1,
  key: '12',
  happenedAt: '2026-01-02T03:04:05.000Z',
  payload: {
    repositoryId: 12,
    projectId: 3,
    repository: 'library/app',
    tag: 'v1',
    from: null,
    to: `01${hex}`,
    actor: 'admin',
  },
};

describe('parseFact', () => {
  it('reads digests in the form that the rest of the product uses', () => {
    const fact = parseFact(row);
    expect(fact).toMatchObject({ id: 7, name: 'tag.moved', key: '12', payload: { to: `sha256:${hex}` } });
    expect(fact.happenedAt.getUTCFullYear()).toBe(2026);
  });

  it('reads a sha512 digest', () => {
    const long = 'cd'.repeat(64);
    const fact = parseFact({ ...row, payload: { ...row.payload, from: `02${long}` } });
    expect(fact.payload).toMatchObject({ from: `sha512:${long}` });
  });

  it.each([
    ['a name that is not in the list', { ...row, fact: 'tag.renamed' }],
    ['a name of Object.prototype', { ...row, fact: 'constructor' }],
    ['a version of a newer release', { ...row, version: 2 }],
    ['a payload that lacks a member', { ...row, payload: { ...row.payload, repository: undefined } }],
    ['a digest of an unknown algorithm', { ...row, payload: { ...row.payload, to: `03${hex}` } }],
  ])('refuses %s', (_, bad) => {
    expect(() => parseFact(bad)).toThrow();
  });
});

describe('facts', () => {
  it('are named <noun>.<participle> and say what they mean', () => {
    for (const [name, fact] of Object.entries(facts)) {
      expect(name).toMatch(/^[a-z]+\.[a-z]+ed$/);
      expect(fact.summary).toMatch(/^[A-Z].*\.$/);
      expect(isFactName(name)).toBe(true);
    }
  });
});
