import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { BlobPublisher } from '@entrepot/catalog/blob-publisher';
import { aDigest, ContentBuilder, repositoryName } from '@entrepot/catalog/testing/content-builder';
import { Uploads, type UploadIdentity } from '@entrepot/catalog/uploads';
import { ContentStore } from '@entrepot/content-store/content-store';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { isAppError } from '@entrepot/errors/app-error';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UploadBody } from './upload-body.ts';
import { UploadSession } from './upload-session.ts';

const repository = repositoryName('interleaved/app');

/** What several clients do to one upload through several processes, all at the same time. */
type Act =
  | { readonly kind: 'append'; readonly at: number; readonly size: number }
  /** An end with the digest of what was acknowledged before the last chunk. */
  | { readonly kind: 'end-early'; readonly at: number }
  /** A process is killed and another one started in its place. */
  | { readonly kind: 'kill'; readonly at: number };

const processes = 3;
const at = fc.nat(processes - 1);
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), at, size: fc.nat(200_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end-early' as const), at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), at }) },
);
/** Steps after one another, each of acts at once, then the processes that are asked to end it at once. */
const story = fc.record({
  steps: fc.array(fc.array(act, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 }),
  enders: fc.array(at, { minLength: 1, maxLength: 3 }),
});

const refusals = ['UPLOAD_BUSY', 'UPLOAD_NOT_FOUND', 'RANGE_INVALID', 'DIGEST_INVALID'] as const;

describe('one upload, many processes', () => {
  let test: TestDatabase;
  let root: string;
  let driver: FilesystemDriver;
  let store: ContentStore;
  let publisher: BlobPublisher;
  let projectId: number;
  const unexpected: unknown[] = [];

  beforeAll(async () => {
    test = await createTestDatabase();
    projectId = await new ContentBuilder(test.database).aProject('interleaved');
    root = await mkdtemp(join(tmpdir(), 'entrepot-interleaved-'));
    driver = new FilesystemDriver({ root });
    store = new ContentStore(driver);
    publisher = new BlobPublisher(test.database, (error) => unexpected.push(error));
  });
  afterAll(async () => {
    await publisher.close();
    await test.close();
    await rm(root, { recursive: true, force: true });
    expect(unexpected).toEqual([]);
  });

  function aProcess(): UploadSession {
    const uploads = new Uploads(test.database);
    return new UploadSession({ store, uploads, blobs: publisher, owner: randomUUID() });
  }

  function bodyOf(bytes: Buffer, start?: number): UploadBody {
    const stream = Readable.from(bytes.length === 0 ? [] : [Buffer.from(bytes)], { objectMode: false });
    return { stream, length: bytes.length, start };
  }

  /** The result; `undefined` when it was refused, as somebody who comes second may be. */
  async function unlessRefused<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (isAppError(error, ...refusals)) return undefined;
      throw error;
    }
  }

  it('takes what was acknowledged, in the order of the acknowledgements, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(story, async ({ steps, enders }) => {
        const upload: UploadIdentity = {
          id: randomUUID(),
          repository,
          projectId,
          principal: 'user:1',
          algorithm: 'sha256',
        };
        const sessions = Array.from({ length: processes }, aProcess);
        let acknowledged = Buffer.alloc(0);
        let before = acknowledged;
        for (const acts of steps) {
          const start = acknowledged.length;
          const isNew = (await new Uploads(test.database).find(upload.id)) === undefined;
          const outcomes = await Promise.all(
            acts.map(async (one) => {
              const session = sessions[one.at];
              if (one.kind === 'kill') sessions[one.at] = aProcess();
              if (one.kind === 'end-early' && before.length < start) {
                const early = session!.finish(upload, bodyOf(Buffer.alloc(0)), aDigest(before), false);
                expect(await unlessRefused(early)).toBeUndefined();
              }
              if (one.kind !== 'append') return [];
              const bytes = randomBytes(one.size);
              const size = await unlessRefused(session!.append(upload, bodyOf(bytes, start), isNew));
              return size === undefined ? [] : [{ bytes, size }];
            }),
          );
          const added = outcomes.flat().toSorted((a, b) => a.size - b.size);
          // an empty chunk may be acknowledged beside another one, before it or after
          for (const { bytes, size } of added) {
            if (bytes.length > 0) before = acknowledged;
            acknowledged = Buffer.concat([acknowledged, bytes]);
            expect(size).toBe(acknowledged.length);
          }
        }
        const isNew = (await new Uploads(test.database).find(upload.id)) === undefined;
        const digest = aDigest(acknowledged);
        const ends = enders.map((ender) =>
          unlessRefused(sessions[ender]!.finish(upload, bodyOf(Buffer.alloc(0)), digest, isNew)),
        );
        const ended = (await Promise.all(ends)).filter((size) => size !== undefined);
        expect(ended).toEqual([acknowledged.length]);
        expect((await store.readWhole(digest, 10_000_000))?.equals(acknowledged)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
