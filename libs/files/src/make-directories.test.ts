import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { makeDirectories } from './make-directories.ts';

const isRoot = process.getuid?.() === 0;
const somebody = { uid: 60_321, gid: 60_322 };

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'make-directories-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
});

describe('makeDirectories', () => {
  it('makes what is missing and names the topmost of it', () => {
    expect(makeDirectories(join(root, 'a/b/c'), 0o700)).toBe(join(root, 'a'));
    expect(statSync(join(root, 'a/b/c')).mode & 0o777).toBe(0o700);
    expect(makeDirectories(join(root, 'a/b/c'), 0o700)).toBeUndefined();
    expect(makeDirectories(join(root, 'a/b/d'), 0o700)).toBe(join(root, 'a/b/d'));
  });

  it('refuses a path that a file stands in', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => makeDirectories(join(root, 'file'), 0o700)).toThrow(/EEXIST/);
    expect(() => makeDirectories(join(root, 'file/below'), 0o700)).toThrow(/ENOTDIR/);
  });

  it.skipIf(!existsSync('/proc/self'))('refuses at once where the file system makes no directories', () => {
    expect(() => makeDirectories('/proc/entrepot/data', 0o700)).toThrow(/ENOENT/);
  });

  it.skipIf(!isRoot)('gives what root makes to the owner of the directory (tried as root only)', () => {
    const home = join(root, 'home');
    mkdirSync(home);
    chownSync(home, somebody.uid, somebody.gid);
    makeDirectories(join(home, 'a/b'), 0o700);
    for (const made of ['a', 'a/b']) expect(statSync(join(home, made))).toMatchObject(somebody);
    makeDirectories(join(root, 'roots/b'), 0o700);
    expect(statSync(join(root, 'roots/b')).uid).toBe(0);
  });
});
