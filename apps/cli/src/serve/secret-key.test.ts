import { mkdtempSync, rmSync, statSync } from 'node:fs';
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

  it('of the setting goes before the file', async () => {
    await loadSecretKey(directory, undefined);
    expect(await loadSecretKey(directory, 'given')).toBe('given');
  });
});
