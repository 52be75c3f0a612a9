import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  measureFile,
  readCompressed,
  translateFileError,
  writeCompressed,
  writeWhole,
} from './backup-files.ts';

describe('files of a backup', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'entrepot-backup-files-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('are read as they were written, and known by their facts', async () => {
    const path = join(directory, 'table.zst');
    const chunks = Array.from({ length: 50 }, () => randomBytes(40_000));
    const facts = await writeCompressed(path, Readable.from(chunks));
    expect(await measureFile(path)).toEqual(facts);
    const read = [];
    for await (const chunk of readCompressed(path)) read.push(chunk);
    expect(Buffer.concat(read).equals(Buffer.concat(chunks))).toBe(true);
  });

  it('say that there is no room', async () => {
    const full = writeCompressed('/dev/full', Readable.from([randomBytes(100_000)]));
    await expect(full).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringContaining('/dev/full: ENOSPC, the file system is full'),
    });
  });

  it('are an error to read when they were cut short', async () => {
    const path = join(directory, 'short.zst');
    await writeCompressed(path, Readable.from([randomBytes(100_000)]));
    await writeFile(path, (await readFile(path)).subarray(0, 50_000));
    const reading = (async () => {
      for await (const chunk of readCompressed(path)) expect(chunk).toBeDefined();
    })();
    await expect(reading).rejects.toThrow();
  });

  it('are replaced as a whole', async () => {
    const path = join(directory, 'manifest.json');
    await writeWhole(path, 'one');
    await writeWhole(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('two');
    await expect(writeWhole(join(directory, 'no/where'), '')).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
    });
  });

  it('leave the errors of others as they are', () => {
    const error = new Error('of a database');
    expect(translateFileError(error, 'write', '/x')).toBe(error);
  });
});
