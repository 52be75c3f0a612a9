import { describe, expect, it } from 'vitest';
import { parseProjectName, projectNameOf } from './project-name.ts';
import { parseRepositoryName } from './repository-name.ts';

describe('parseProjectName', () => {
  it.each(['library', 'a', '0', 'a.b_c-d', 'a__b', 'a--b', 'a'.repeat(255)])('accepts %s', (text) => {
    expect(parseProjectName(text)).toBe(text);
  });

  it.each(['', 'a/b', 'A', 'a..b', '.', '..', '-a', 'a-', 'a b', 'a%2fb', 'a'.repeat(256)])(
    'refuses %j',
    (text) => {
      expect(parseProjectName(text)).toBeUndefined();
    },
  );
});

describe('projectNameOf', () => {
  it.each([
    ['library/alpine', 'library'],
    ['a/b/c', 'a'],
    ['alpine', 'alpine'],
  ])('of %s is %s', (text, project) => {
    const name = parseRepositoryName(text);
    expect(name && projectNameOf(name)).toBe(project);
  });
});
