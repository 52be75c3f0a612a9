import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { manifestLimits, parseManifest } from '@entrepot/oci/manifest';
import { mediaTypes } from '@entrepot/oci/media-type';
import { ManifestParser } from './manifest-parser.ts';

vi.mock(import('node:worker_threads'), async (load) => {
  const threads = await load();
  return { ...threads, Worker: vi.fn<typeof threads.Worker>(threads.Worker) };
});

const digest = `sha256:${'c'.repeat(64)}`;
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
const large = 300 * 1024;

/** A manifest of `length` bytes. */
function aManifest(length: number, members: object = {}): Buffer {
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [], ...members };
  return Buffer.from(JSON.stringify(document).padEnd(length));
}

/** One with as many annotations as a manifest may have: it needs more memory than any other. */
function theLargest(): Buffer {
  const text = 'v'.repeat(50);
  const annotations = Object.fromEntries(Array.from({ length: 59_000 }, (_, index) => [`k${index}`, text]));
  return aManifest(0, { annotations });
}

/** A thread that has no memory for the second question. */
async function hungryThread(): Promise<new () => Worker> {
  const threads = await vi.importActual<typeof import('node:worker_threads')>('node:worker_threads');
  const code = `
    const { parentPort } = require('node:worker_threads');
    const kept = [];
    let questions = 0;
    parentPort.on('message', () => {
      questions += 1;
      while (questions === 2) kept.push(new Array(100_000).fill(questions));
      parentPort.postMessage({ manifest: {} });
    });`;
  return class extends threads.Worker {
    constructor() {
      super(code, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 32 } });
    }
  };
}

/** A thread whose answers are nested deeper than the stack of this one allows to read. */
async function unreadableThread(): Promise<new () => Worker> {
  const threads = await vi.importActual<typeof import('node:worker_threads')>('node:worker_threads');
  const code = `
    const { parentPort } = require('node:worker_threads');
    let answer = [];
    for (let depth = 0; depth < 20_000; depth++) answer = [answer];
    parentPort.on('message', () => parentPort.postMessage(answer));`;
  return class extends threads.Worker {
    constructor() {
      super(code, { eval: true, resourceLimits: { stackSizeMb: 32 } });
    }
  };
}

/** Traces of a question and its answer, which nobody holds any more. */
async function parseAndForget(parser: ManifestParser): Promise<WeakRef<object>[]> {
  const bytes = aManifest(large);
  const manifest = await parser.parse(bytes, undefined);
  return [new WeakRef(bytes), new WeakRef(manifest)];
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

describe('a parser of manifests', () => {
  let parser: ManifestParser;

  beforeEach(() => {
    parser = new ManifestParser({ idleMs: 50, heapMb: 128 });
  });
  afterEach(async () => {
    await vi.waitUntil(() => parser.threads === 0);
  });

  it('needs no thread for what is small', async () => {
    const bytes = aManifest(256 * 1024);
    expect(await parser.parse(bytes, undefined)).toEqual(parseManifest(bytes, undefined));
    expect(parser.threads).toBe(0);
  });

  it.each([
    ['with a subject and annotations', { subject: config, annotations: { a: 'ü' } }],
    ['with layers', { layers: [{ ...config, urls: ['https://example.com/x'], annotations: { b: '' } }] }],
  ])('says of a large one %s what libs/oci says', async (_, members) => {
    const bytes = aManifest(large, members);
    const type = mediaTypes.ociManifest;
    expect(await parser.parse(bytes, type)).toEqual(parseManifest(bytes, type));
    expect(parser.threads).toBe(1);
  });

  it('leaves the bytes with whoever asks', async () => {
    const bytes = aManifest(large);
    await parser.parse(bytes, undefined);
    expect(bytes.equals(aManifest(large))).toBe(true);
  });

  it.each([
    ['MANIFEST_INVALID', aManifest(large, { schemaVersion: 3 }), undefined],
    ['MANIFEST_INVALID', aManifest(large), mediaTypes.ociIndex],
    ['TOO_LARGE', aManifest(manifestLimits.maxBytes + 1), undefined],
  ])('refuses with %s and the sentence of libs/oci', async (code, bytes, type) => {
    const refused = await parser.parse(bytes, type).catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'AppError', code });
    expect(() => parseManifest(bytes, type)).toThrow((refused as Error).message);
  });

  it('does not hold the event loop while a large one is parsed', async () => {
    const bytes = theLargest();
    await parser.parse(aManifest(large), undefined);
    let turns = 0;
    const count = setInterval(() => turns++, 1);
    await parser.parse(bytes, undefined);
    clearInterval(count);
    expect(turns).toBeGreaterThan(3);
  });

  it('answers each of many at once with its own', async () => {
    const sizes = Array.from({ length: 8 }, (_, index) => index);
    const parsed = await Promise.all(
      sizes.map((size) => parser.parse(aManifest(large, { config: { ...config, size } }), undefined)),
    );
    expect(parsed.map((manifest) => manifest.config?.size)).toEqual(sizes);
    expect(parser.threads).toBe(1);
  });

  it('lets its thread end when it is idle, and starts another', async () => {
    await parser.parse(aManifest(large), undefined);
    expect(parser.threads).toBe(1);
    await vi.waitUntil(() => parser.threads === 0);
    expect((await parser.parse(aManifest(large), undefined)).kind).toBe('manifest');
  });

  it('fails the manifest that kills the thread, and no other', async () => {
    vi.mocked(Worker).mockImplementationOnce(await hungryThread());
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => parser.parse(aManifest(large), undefined)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'ERR_WORKER_OUT_OF_MEMORY' } });
  });

  it('fails a manifest when its answer cannot be read', async () => {
    vi.mocked(Worker).mockImplementationOnce(await unreadableThread());
    await expect(parser.parse(aManifest(large), undefined)).rejects.toThrow(RangeError);
  });

  it('keeps nothing of what it has parsed', async () => {
    parser = new ManifestParser({ idleMs: 1_000, heapMb: 128 });
    const traces = await parseAndForget(parser);
    await vi.waitFor(() => {
      collectGarbage();
      expect(traces.every((trace) => trace.deref() === undefined)).toBe(true);
    });
  });
});
