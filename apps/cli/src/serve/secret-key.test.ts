import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSecretKey, secretKeyFile } from './secret-key.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'secret-key-test-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('the secret key', () => {
  it('is made once, for this user alone', async () => {
    const made = await loadSecretKey(directory, undefined);
    expect(made.length).toBeGreaterThan(32);
    expect(statSync(secretKeyFile(directory)).mode & 0o777).toBe(0o600);
    expect(await loadSecretKey(directory, undefined)).toBe(made);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'made by root is for the owner of the data directory (tried as root only)',
    async () => {
      chownSync(directory, 60_321, 60_322);
      // what the owner has put there is neither written to nor given away
      const bait = join(directory, 'bait');
      writeFileSync(bait, 'kept');
      symlinkSync(bait, `${secretKeyFile(directory)}.new`);
      await loadSecretKey(directory, undefined);
      expect(readFileSync(bait, 'utf8')).toBe('kept');
      expect(statSync(bait).uid).toBe(0);
      expect(statSync(secretKeyFile(directory))).toMatchObject({ uid: 60_321, gid: 60_322 });
    },
  );

  it('of the setting goes before the file', async () => {
    await loadSecretKey(directory, undefined);
    expect(await loadSecretKey(directory, 'given')).toBe('given');
  });
});
