import {
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { findFileOwner, giveDirectory, giveTree } from './file-owner.ts';

const isRoot = process.getuid?.() === 0;
const somebody = { uid: 60_321, gid: 60_322 };

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'file-owner-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
});

describe('findFileOwner', () => {
  it('is nobody for a process that is not root', () => {
    vi.spyOn(process, 'getuid').mockReturnValue(60_321);
    expect(findFileOwner(root)).toBeUndefined();
  });

  it.skipIf(!isRoot)('is who owns the directory, or the nearest one above it (tried as root only)', () => {
    expect(findFileOwner(root)).toBeUndefined();
    chownSync(root, somebody.uid, somebody.gid);
    expect(findFileOwner(root)).toEqual(somebody);
    expect(findFileOwner(join(root, 'not/yet/there'))).toEqual(somebody);
  });
});

describe.skipIf(!isRoot)('giving away (tried as root only)', () => {
  it('takes a tree whole, and follows no link', async () => {
    const outside = join(root, 'outside');
    const tree = join(root, 'tree');
    mkdirSync(join(tree, 'below'), { recursive: true });
    writeFileSync(join(tree, 'below/file'), '');
    writeFileSync(outside, '');
    symlinkSync(outside, join(tree, 'link'));
    await giveTree(tree, somebody);
    for (const path of ['', 'below', 'below/file', 'link']) {
      expect(lstatSync(join(tree, path))).toMatchObject(somebody);
    }
    expect(statSync(outside).uid).toBe(0);
  });

  it('gives no directory that a link stands for', () => {
    mkdirSync(join(root, 'real'));
    symlinkSync(join(root, 'real'), join(root, 'link'));
    expect(() => giveDirectory(join(root, 'link'), somebody)).toThrow(/ENOTDIR|ELOOP/);
    expect(statSync(join(root, 'real')).uid).toBe(0);
  });
});
