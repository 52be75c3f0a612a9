import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Pusher, UnexpectedAnswer, type AcknowledgedPush } from '../pusher.ts';
import { startEntrepot, type Entrepot, type Victim } from '../stack.ts';

const rounds = Number(process.env['ENTREPOT_TEST_KILL_ROUNDS'] ?? 20);
const victims: readonly Victim[] = ['everything', 'node', 'postgres', 'everything', 'backend'];
const longestPush = 1_500;
const writers = 4;

describe(`kill -9 during pushes, ${rounds} times`, () => {
  let entrepot: Entrepot;
  const acknowledged: AcknowledgedPush[] = [];

  beforeAll(async () => {
    entrepot = await startEntrepot();
    await entrepot.createProject('team');
  });
  afterAll(async () => {
    await entrepot?.remove();
  });

  const each = Array.from({ length: rounds }, (_, round) => ({
    round,
    victim: victims[round % victims.length] ?? 'everything',
  }));

  test.each(each)('round $round: $victim', async ({ round, victim }) => {
    const pushes = startPushing(round);
    await sleep(randomInt(20, longestPush));
    await entrepot.kill(victim);
    const fresh = await pushes.stop();
    if (victim === 'node' || victim === 'everything') await entrepot.start();
    else await untilItAnswers();
    acknowledged.push(...fresh);
    for (const push of fresh) expect(await repository(push.repository).pullWhole(push.tag)).toBe(push.digest);
    await expectNothingHalfVisible();
  });

  test('every push that was acknowledged pulls whole at the end, after a stop in good order', async () => {
    expect(await entrepot.stop()).toBe(0);
    await entrepot.start();
    expect(acknowledged.length).toBeGreaterThan(rounds);
    for (const { repository: name, digest } of acknowledged) await repository(name).pullWhole(digest);
    await expectNothingHalfVisible();
  });

  function repository(name: string): Pusher {
    return new Pusher(entrepot, name);
  }

  function startPushing(round: number): { stop: () => Promise<AcknowledgedPush[]> } {
    const done: AcknowledgedPush[] = [];
    const end = new AbortController();
    const write = async (writer: number): Promise<void> => {
      const pusher = repository(`team/app-${writer}`);
      for (let n = 0; !end.signal.aborted; n += 1) {
        const push = await pusher.pushImage(`r${round}-${n}`, randomInt(1, 400_000)).catch(asInterrupted);
        if (push === undefined) return;
        done.push(push);
      }
    };
    const all = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    const stop = async (): Promise<AcknowledgedPush[]> => {
      end.abort();
      await all;
      return done;
    };
    return { stop };
  }

  async function untilItAnswers(): Promise<void> {
    for (let tries = 0; tries < 300; tries += 1) {
      const answer = await repository('team/app-0').request('GET', 'tags/list');
      await answer.arrayBuffer();
      if (answer.status === 200 || answer.status === 404) return;
      await sleep(100);
    }
    throw new Error(`the server did not recover:\n${entrepot.log.text}`);
  }

  /** Whatever a list shows can be pulled, whole, whether or not its push was acknowledged. */
  async function expectNothingHalfVisible(): Promise<void> {
    for (let writer = 0; writer < writers; writer += 1) {
      const pusher = repository(`team/app-${writer}`);
      const tags = await pusher.listTags();
      for (const tag of tags.slice(-6)) await pusher.pullWhole(tag);
    }
    const rows = await entrepot.sql<{ found: number }>(`
      SELECT count(*)::int AS found FROM manifest_blob edge
      JOIN blob ON blob.id = edge.blob_id WHERE NOT blob.live OR blob.state <> 'live'`);
    expect(rows[0]?.found).toBe(0);
  }
});

/** A push that was cut off is nothing to look at; any refusal but "not now" is a defect. */
function asInterrupted(error: unknown): undefined {
  if (error instanceof UnexpectedAnswer && error.status !== 503) throw error;
  return undefined;
}
