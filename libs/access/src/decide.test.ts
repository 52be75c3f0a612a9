import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VerifiedToken } from '@entrepot/identity/token-verifier';
import { decide } from './decide.ts';

const token: VerifiedToken = {
  subject: 'alice',
  principal: { kind: 'user', id: 7, version: 3 },
  repositories: new Map([
    [
      'library/app',
      { type: 'repository', name: 'library/app', actions: ['pull', 'push'], project: 11, version: 5 },
    ],
    ['other/app', { type: 'repository', name: 'other/app', actions: [] }],
  ]),
  catalog: false,
  issuedAt: 0,
  expiresAt: 1,
};
const now = { principalVersion: 3, project: { id: 11, version: 5 } };

describe('decide', () => {
  it('allows what the token grants while its versions are those of the rows', () => {
    expect(decide(token, 'library/app', 'pull', now)).toBe('allowed');
    expect(decide(token, 'library/app', 'push', now)).toBe('allowed');
  });

  it.each([
    ['an action that is not granted', 'library/app', 'delete', now],
    ['another repository of the same project', 'library/app2', 'pull', now],
    ['a repository without any action', 'other/app', 'pull', { ...now, project: { id: 12, version: 1 } }],
    ['a principal whose rights were changed', 'library/app', 'pull', { ...now, principalVersion: 4 }],
    ['a principal that is gone or disabled', 'library/app', 'pull', { ...now, principalVersion: undefined }],
    [
      'a project whose members were changed',
      'library/app',
      'pull',
      { ...now, project: { id: 11, version: 6 } },
    ],
    [
      'a project made anew under the name',
      'library/app',
      'pull',
      { ...now, project: { id: 12, version: 5 } },
    ],
    ['a project that is gone', 'library/app', 'push', { ...now, project: undefined }],
  ] as const)('challenges %s', (_, repository, action, facts) => {
    expect(decide(token, repository, action, facts)).toBe('challenge');
  });

  it('asks no version of an anonymous caller, but that of the project', () => {
    const nobody = { ...token, principal: undefined };
    expect(decide(nobody, 'library/app', 'pull', { ...now, principalVersion: undefined })).toBe('allowed');
    expect(
      decide(nobody, 'library/app', 'pull', { principalVersion: undefined, project: { id: 11, version: 6 } }),
    ).toBe('challenge');
  });

  it('allows nothing when any version differs', () => {
    const version = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(
        version,
        version,
        fc.integer({ min: 10, max: 12 }),
        (principalVersion, projectVersion, id) => {
          const facts = { principalVersion, project: { id, version: projectVersion } };
          const same = principalVersion === 3 && projectVersion === 5 && id === 11;
          return (decide(token, 'library/app', 'pull', facts) === 'allowed') === same;
        },
      ),
    );
  });
});
