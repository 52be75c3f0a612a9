import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { titleOf } from '../programs.ts';
import { Pusher } from '../pusher.ts';
import { missingServicePrograms, startServices, type Services } from './services.ts';

const missing = missingServicePrograms();

/** Pushes, pulls and asks the REST API without a pause until it is told to stop. */
class Load {
  readonly #services: Services;
  readonly #running: Promise<void>[];
  requests = 0;
  readonly failures: string[] = [];
  #stopped = false;

  constructor(services: Services, clients: number) {
    this.#services = services;
    this.#running = Array.from({ length: clients }, (_, index) => this.#run(index));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #run(client: number): Promise<void> {
    const pusher = new Pusher(this.#services, `team/load${client}`);
    for (let round = 0; !this.#stopped; round += 1) {
      // an image is five requests of a push, and its pull three
      await this.#try(8, async () => {
        const { digest } = await pusher.pushImage(`r${round % 10}`, 50_000);
        if ((await pusher.pullWhole(`r${round % 10}`)) !== digest)
          throw new Error('another image was pulled');
      });
      await this.#try(1, async () => {
        const answer = await this.#services.api('GET', '/projects?name=team');
        if (answer.status !== 200) throw new Error(`projects: ${answer.status} ${await answer.text()}`);
        await answer.arrayBuffer();
      });
    }
  }

  async #try(requests: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.requests += requests;
    } catch (error) {
      this.failures.push(
        `${new Date().toISOString()} ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

describe.skipIf(missing.length > 0)(titleOf('services that are restarted one by one', missing), () => {
  let services: Services;

  beforeAll(async () => {
    services = await startServices();
    await services.createProject('team');
  });
  afterAll(() => services?.remove());

  test('no request fails', async () => {
    const load = new Load(services, 4);
    const before = services.pidOf('registry-1');
    // one process of each app at a time, as an upgrade does it
    for (const replica of [1, 2] as const) {
      const names = [`registry-${replica}`, `core-${replica}`, `jobservice-${replica}`] as const;
      await Promise.all(names.map((name) => services.tell('restart', name)));
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.requests).toBeGreaterThan(500);
    expect(services.pidOf('registry-1')).not.toBe(before);
  });
});
