import { randomBytes } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { ContentBuilder, repositoryName, tagName } from '@entrepot/catalog/testing/content-builder';
import { isAppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CollectionWorld } from './testing/collection-world.ts';
import { Crash, type Chance } from './testing/faulty-driver.ts';
import { digestOf, type Place, type PushProcess } from './testing/push-process.ts';

/** Rounds of the property; the command of CONTRIBUTING.md runs thousands. */
const rounds = Number(process.env['ENTREPOT_TEST_ROUNDS'] ?? 200);
const seed = Number(process.env['ENTREPOT_TEST_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
const leaseSeconds = 0.04;
const stepsPerClient = 5;
const tags = [tagName('one'), tagName('two')];

/** Numbers that are the same for the same seed (mulberry32). */
function chanceOf(start: number): Chance {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('whatever is pushed, deleted, collected, paused and killed at once', () => {
  let test: TestDatabase;
  let world: CollectionWorld;
  let projects: readonly number[];
  const chance = chanceOf(seed);

  beforeAll(async () => {
    test = await createTestDatabase();
    world = await CollectionWorld.open(test, chance, leaseSeconds);
    const build = new ContentBuilder(test.database);
    projects = [await build.aProject('left'), await build.aProject('right')];
  });
  afterAll(async () => {
    await world.close();
    await test.close();
  });

  const pick = <T>(list: readonly T[]): T => {
    const chosen = list[Math.trunc(chance() * list.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  };

  /** The repositories and blobs of one round, few enough to meet. */
  function aRound() {
    const [left = 0, right = 0] = projects;
    const places: Place[] = [
      { projectId: left, name: repositoryName('left/a') },
      { projectId: left, name: repositoryName('left/b') },
      { projectId: right, name: repositoryName('right/a') },
    ];
    const bytes = [1, 2, 3, 4].map(() => randomBytes(20));
    const manifests: { place: Place; digest: Digest }[] = [];
    return { places, bytes, manifests };
  }
  type Round = ReturnType<typeof aRound>;

  async function pushImage(client: PushProcess, { places, bytes, manifests }: Round): Promise<void> {
    const place = pick(places);
    const chosen = [pick(bytes), ...bytes.filter(() => chance() < 0.4)];
    for (const each of chosen) {
      const digest = digestOf(each);
      const isThere =
        chance() < 0.5 && ((await client.head(place, digest)) || (await client.mount(place, digest)));
      if (!isThere) await client.pushBlob(place, each);
    }
    const wanted = chance() < 0.7 ? [pick(tags)] : [];
    manifests.push({ place, digest: await client.pushManifest(place, chosen, wanted) });
  }

  const steps: readonly ((client: PushProcess, round: Round) => Promise<unknown>)[] = [
    pushImage,
    pushImage,
    pushImage,
    async (client, { places, bytes }) => client.pushBlob(pick(places), pick(bytes)),
    async (client, { manifests }) => {
      if (manifests.length === 0) return;
      const { place, digest } = pick(manifests);
      manifests.push({ place, digest: await client.pushIndex(place, [digest], [pick(tags)]) });
    },
    async (client, { manifests }) => {
      if (manifests.length > 0) await client.deleteManifest(pick(manifests).place, pick(manifests).digest);
    },
    async (client, { places, manifests }) => {
      if (chance() < 0.3) await client.deleteRepository(pick(places));
      else if (manifests.length > 0) {
        const { place, digest } = pick(manifests);
        await client.restore(place, digest);
      }
    },
    async (client, { places }) => client.deleteTag(pick(places), pick(tags)),
    async (client, { places, bytes }) => client.deleteBlob(pick(places), digestOf(pick(bytes))),
  ];

  /** What clients are told when somebody else was quicker, or the process that they talked to died. */
  function isExpected(error: unknown): boolean {
    const codes = ['BLOB_BUSY', 'BLOB_IN_USE', 'BLOB_NOT_FOUND', 'MANIFEST_BLOB_UNKNOWN'] as const;
    const others = ['MANIFEST_IN_USE', 'MANIFEST_NOT_FOUND', 'TAG_NOT_FOUND'] as const;
    return error instanceof Crash || isAppError(error, ...codes, ...others);
  }

  async function act(client: PushProcess, round: Round): Promise<void> {
    for (let step = 0; step < stepsPerClient; step++) {
      try {
        await pick(steps)(client, round);
      } catch (error) {
        if (!isExpected(error)) throw error;
      }
    }
  }

  /** Deletes everything that a round has pushed. */
  async function deleteAll(): Promise<void> {
    await test.database.query('DELETE FROM tag');
    await test.database.query('DELETE FROM manifest_child');
    await test.database.query('UPDATE manifest SET live = false, deleted_at = now() WHERE live');
  }

  async function playRound(): Promise<void> {
    const round = aRound();
    world.faults = { pause: 0.15, longestPauseMs: 60, crash: 0.03 };
    const enough = new AbortController();
    const collecting = world.collect(enough.signal);
    const clients = world.processes.flatMap((each) => [act(each, round), act(each, round)]);
    try {
      await Promise.all(clients);
      expect(await world.findMissing(), 'referenced and missing').toEqual([]);
    } finally {
      enough.abort();
      await collecting;
    }
    await world.settle();
    expect(await world.adoptOrphans(), 'stored and unknown').toEqual([]);
    await world.settle();
    expect(await world.findMissing(), 'referenced and missing').toEqual([]);
    expect(await world.listStored()).toEqual(await world.listRows());
    expect(await world.listRows()).toEqual(await world.listReferenced());
    expect(await world.findMiscounted()).toEqual([]);
  }

  it(
    `nothing that is referenced is ever missing, and nothing else is left (${rounds} rounds, seed ${seed})`,
    async () => {
      for (let round = 1; round <= rounds; round++) {
        await playRound().catch((error: unknown) => {
          throw new Error(`round ${round} of seed ${seed} failed`, { cause: error });
        });
        if (chance() < 0.3) await deleteAll();
        if (round % 100 === 0 && rounds > 200) process.stdout.write(`${round} rounds of seed ${seed} held\n`);
      }
      await deleteAll();
      await world.settle();
      expect(await world.listStored()).toEqual([]);
      expect(await world.listRows()).toEqual([]);
    },
    rounds * 3_000,
  );
});
