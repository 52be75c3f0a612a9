import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../image-layout.ts';
import { runProgram } from '../programs.ts';
import { Pusher } from '../pusher.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';
import { RawRequest } from './raw-request.ts';

const mebi = 1024 * 1024;
const small = 16;
const large = 96;

const mayMount = process.env['CI'] !== undefined || process.getuid?.() === 0;
const title = 'a storage without room';

describe.skipIf(!mayMount)(mayMount ? title : `${title} (only root can mount a small file system)`, () => {
  const storage = mkdtempSync(join(tmpdir(), 'entrepot-small-'));
  let entrepot: Entrepot;
  let pusher: Pusher;

  beforeAll(async () => {
    await mount(['-t', 'tmpfs', '-o', `size=${small}m`, 'tmpfs', storage]);
    chmodSync(storage, 0o755);
    entrepot = await startEntrepot({ env: { ENTREPOT_STORAGE_DIRECTORY: storage } });
    await entrepot.createProject('team');
    pusher = new Pusher(entrepot, 'team/app');
  });
  afterAll(async () => {
    await entrepot?.remove();
    await runProgram('umount', ['--lazy', storage]);
    rmdirSync(storage);
  });

  test('refuses an upload in the middle with a clear error, and keeps what it has', async () => {
    const kept = await pusher.pushImage('kept', mebi);
    const bytes = randomBytes(large * mebi - small * mebi);
    const location = await pusher.openUpload();
    const request = await RawRequest.begin(entrepot, `PATCH ${location}`, { 'Content-Length': bytes.length });
    for (let offset = 0; offset < bytes.length; offset += mebi) {
      await request.send(bytes.subarray(offset, offset + mebi));
    }
    const answer = await request.answerAtClose();
    expect(answer).toMatch(/^HTTP\/1.1 507 /);
    expect(answer).toMatch(/\{"errors":\[\{"code":"[A-Z]+","message":"no room is left on the storage/);
    expect(answer).not.toContain(storage);
    expect(await pusher.pullWhole('kept')).toBe(kept.digest);
  });

  test('refuses whole blobs the same way, and shows nothing of them', async () => {
    const bytes = randomBytes(20 * mebi);
    const digest = digestOf(bytes);
    const request = await RawRequest.begin(entrepot, `POST /v2/team/app/blobs/uploads/?digest=${digest}`, {
      'Content-Length': bytes.length,
    });
    await request.send(bytes);
    expect(await request.answerAtClose()).toMatch(/^HTTP\/1.1 507 /);
    expect((await pusher.request('HEAD', `blobs/${digest}`)).status).toBe(404);
    expect(await pusher.listTags()).toEqual(['kept']);
  });

  test('is not filled for long by uploads that did not fit', async () => {
    const { digest } = await pusher.pushImage('small', 2 * mebi);
    expect(await pusher.pullWhole('small')).toBe(digest);
  });

  test('takes large pushes again when there is room', async () => {
    await mount(['-o', `remount,size=${large}m`, storage]);
    const bytes = randomBytes(20 * mebi);
    expect(await pusher.pushBlob(bytes)).toBe(digestOf(bytes));
    const { digest } = await pusher.pushImage('again', 2 * mebi);
    expect(await pusher.pullWhole('again')).toBe(digest);
  });
});

async function mount(args: readonly string[]): Promise<void> {
  const { code, output } = await runProgram('mount', args);
  if (code !== 0) throw new Error(`mount ${args.join(' ')}: ${output}`);
}
