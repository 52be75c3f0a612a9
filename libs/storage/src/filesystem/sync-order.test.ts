import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A system call from when it was entered to when it returned, in lines of the trace. */
interface SystemCall {
  readonly name: string;
  readonly text: string;
  readonly start: number;
  end: number;
}

const driverUrl = new URL('filesystem-driver.ts', import.meta.url).href;
const calls = 'fsync,fdatasync,syncfs,link,linkat,rename,renameat,renameat2,unlink,write';

/** The script under trace: what it writes to its standard output marks when a promise has resolved. */
function script(body: string): string {
  return `
    import { writeSync } from 'node:fs';
    import { FilesystemDriver } from '${driverUrl}';
    const driver = new FilesystemDriver({ root: process.argv[1] });
    const publish = async (staging, key, options) => {
      const appender = await driver.create(staging);
      await appender.append([Buffer.from('bytes')]);
      await appender.publish(key, options);
      writeSync(1, 'resolved ' + key);
    };
    await driver.probe();
    ${body}`;
}

function canTrace(): boolean {
  try {
    execFileSync('strace', ['-f', '-o', '/dev/null', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function parseTrace(trace: string): SystemCall[] {
  const parsed: SystemCall[] = [];
  const unfinished = new Map<string, SystemCall>();
  for (const [line, text] of trace.split('\n').entries()) {
    const entered = /^(\d+) +(\w+)\(/.exec(text);
    const resumed = /^(\d+) +<\.\.\. \w+ resumed>/.exec(text);
    if (entered !== null) {
      const call = { name: entered[2] ?? '', text, start: line, end: line };
      parsed.push(call);
      if (text.includes('<unfinished ...>')) unfinished.set(entered[1] ?? '', call);
    } else if (resumed !== null) {
      const call = unfinished.get(resumed[1] ?? '');
      if (call !== undefined) call.end = line;
    }
  }
  return parsed;
}

const isTraceable = canTrace();
const why = isTraceable ? '' : ' (not tried here: strace is not installed or may not trace)';

describe.skipIf(!isTraceable)(`order of syncs${why}`, () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'entrepot-sync-'));
  });

  afterEach(() => rm(root, { recursive: true, force: true }));

  async function trace(body: string): Promise<SystemCall[]> {
    const output = join(root, 'trace.txt');
    const options = ['-f', '-y', '-s', '4096', '-e', `trace=${calls}`, '-o', output];
    await promisify(execFile)('strace', [
      ...options,
      process.execPath,
      '--input-type=module',
      '--conditions=entrepot-source',
      '-e',
      script(body),
      join(root, 'data'),
    ]);
    return parseTrace(await readFile(output, 'utf8'));
  }

  /** The only call of that name that mentions `text`. */
  function only(found: readonly SystemCall[], name: RegExp, text: string): SystemCall {
    const matching = found.filter((call) => name.test(call.name) && call.text.includes(text));
    expect(matching, `${name.source} of ${text}`).toHaveLength(1);
    return matching[0] ?? { name: '', text: '', start: -1, end: -1 };
  }

  function expectInOrder(...steps: readonly (readonly SystemCall[])[]): void {
    for (const [index, step] of steps.entries()) {
      const before = steps[index - 1] ?? [];
      for (const first of before) {
        for (const second of step)
          expect(first.end, `${first.text} before ${second.text}`).toBeLessThan(second.start);
      }
    }
  }

  it('syncs the data, links, syncs every new directory, and only then resolves', async () => {
    const found = await trace(`await publish('up/1', 'v2/sha256/ab/abcd/data');`);
    const data = join(root, 'data');
    expectInOrder(
      [only(found, /^write$/, `${data}/up/1>, "bytes"`)],
      [only(found, /^fdatasync$/, `${data}/up/1>`)],
      [only(found, /^link/, `${data}/v2/sha256/ab/abcd/data"`)],
      ['/v2/sha256/ab/abcd', '/v2/sha256/ab', '/v2/sha256', '/v2'].map((directory) =>
        only(found, /^fsync$/, `${data}${directory}>`),
      ),
      [only(found, /^write$/, '"resolved v2/sha256/ab/abcd/data"')],
    );
  });

  it('syncs the directory and its parent for each blob, and what lies above once', async () => {
    const found = await trace(
      `await publish('up/1', 'v2/sha256/ab/first/data'); await publish('up/2', 'v2/sha256/ab/second/data');`,
    );
    const second = found.slice(found.findIndex((call) => call.text.includes('resolved v2/sha256/ab/first')));
    const synced = second.filter((call) => call.name === 'fsync').map((call) => call.text);
    expect(synced).toHaveLength(2);
    only(second, /^fsync$/, '/v2/sha256/ab/second>');
    only(second, /^fsync$/, '/v2/sha256/ab>');
  });

  it('syncs the directories of a blob that it finds, since who made it may not have come so far', async () => {
    const found = await trace(
      `await publish('up/1', 'ab/blob/data'); await publish('up/2', 'ab/blob/data');`,
    );
    const [, again] = found.filter((call) => call.name === 'link' && call.text.includes('/ab/blob/data"'));
    const resolved = found.filter((call) => call.text.includes('"resolved ab/blob/data"'));
    const syncs = found.filter((call) => call.name === 'fsync' && call.start > (again?.end ?? Infinity));
    expect(again?.text).toContain('EEXIST');
    only(syncs, /^fsync$/, '/data/ab>');
    only(syncs, /^fsync$/, '/data/ab/blob>');
    expect(syncs).toHaveLength(2);
    expectInOrder(syncs, resolved.slice(1));
  });

  it('syncs a long object while it comes, and once more after its last byte', async () => {
    const found = await trace(`
      const appender = await driver.create('up/1');
      const piece = Buffer.alloc(1024 * 1024);
      for (let written = 0; written < 70; written += 1) await appender.append([piece]);
      await appender.append([Buffer.from('the last bytes')]);
      await appender.publish('ab/blob/data');`);
    const syncs = found.filter((call) => call.name === 'fdatasync');
    expect(syncs.length).toBeGreaterThanOrEqual(2);
    expectInOrder([only(found, /^write$/, '"the last bytes"')], syncs.slice(-1), [
      only(found, /^link/, '/ab/blob/data"'),
    ]);
    const published = only(found, /^link/, '/ab/blob/data"');
    for (const sync of syncs) expect(sync.end).toBeLessThan(published.start);
  });

  it('syncs the data before it replaces an object', async () => {
    const found = await trace(`await publish('up/1', 'ab/blob/data', { replace: true });`);
    expectInOrder(
      [only(found, /^fdatasync$/, '/up/1>')],
      [only(found, /^rename/, '/ab/blob/data"')],
      [only(found, /^fsync$/, '/ab/blob>'), only(found, /^fsync$/, '/ab>')],
      [only(found, /^write$/, '"resolved ab/blob/data"')],
    );
  });

  it('makes flushed bytes and the entry of their file durable before it acknowledges them', async () => {
    const found = await trace(`
      const appender = await driver.create('up/1');
      await appender.append([Buffer.from('bytes')]);
      await appender.flush();
      writeSync(1, 'flushed');`);
    expectInOrder(
      [only(found, /^fdatasync$/, '/up/1>')],
      [only(found, /^fsync$/, '/up>')],
      [only(found, /^write$/, '"flushed"')],
    );
  });

  it('syncs flushed bytes no second time when they are published, and those that came later', async () => {
    const found = await trace(`
      const publishFlushed = async (staging, later) => {
        const appender = await driver.create(staging);
        await appender.append([Buffer.from('bytes')]);
        await appender.flush();
        if (later) await appender.append([Buffer.from('later')]);
        await appender.publish('ab/' + staging + '/data');
      };
      await publishFlushed('up/once', false);
      await publishFlushed('up/twice', true);`);
    only(found, /^fdatasync$/, '/up/once>');
    const syncs = found.filter((call) => call.name === 'fdatasync' && call.text.includes('/up/twice>'));
    expect(syncs).toHaveLength(2);
    expectInOrder([only(found, /^write$/, '"later"')], syncs.slice(1), [
      only(found, /^link/, '/ab/up/twice/data"'),
    ]);
  });

  it('syncs the file system around the renames of many that it puts at once', async () => {
    const found = await trace(`
      const keys = Array.from({ length: 40 }, (_, index) => 'many/' + (index % 5) + '/' + index);
      await Promise.all(keys.map((key) => driver.put(key, Buffer.from('bytes'))));
      writeSync(1, 'all put');`);
    const renames = found.filter(({ name, text }) => name.startsWith('rename') && text.includes('/many/'));
    expect(renames).toHaveLength(40);
    const syncs = found.filter(({ name }) => name === 'syncfs');
    expect(syncs).toHaveLength(2);
    expect(found.filter(({ name, text }) => /^f(data)?sync$/.test(name) && text.includes('/many'))).toEqual(
      [],
    );
    const writes = found.filter(({ name, text }) => name === 'write' && text.includes('/many/'));
    expect(writes).toHaveLength(40);
    expectInOrder(writes, syncs.slice(0, 1), renames, syncs.slice(1), [only(found, /^write$/, '"all put"')]);
  });

  it('syncs what it puts before it stands at its key', async () => {
    const found = await trace(`await driver.put('a/object', Buffer.from('bytes')); writeSync(1, 'put');`);
    expectInOrder(
      [only(found, /^fdatasync$/, '/a/object~')],
      [only(found, /^rename/, '/a/object"')],
      [only(found, /^fsync$/, '/a>')],
      [only(found, /^write$/, '"put"')],
    );
  });
});
