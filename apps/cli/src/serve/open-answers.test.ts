import { once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { OpenAnswers } from './open-answers.ts';

it('keeps answers from the request to their end, whatever the order', async () => {
  const open = new OpenAnswers();
  const server = createServer((_, res) => open.add(res)).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ask = async (): Promise<ServerResponse> => {
    const before = open.size;
    get({ port, host: '127.0.0.1', agent: false }, (answer) => answer.resume());
    while (open.size === before) await new Promise(setImmediate);
    return open.list().at(-1)!;
  };
  const end = async (res: ServerResponse): Promise<void> => {
    res.end();
    await once(res, 'close');
  };
  const [one, two, three] = [await ask(), await ask(), await ask()];
  expect(open.list()).toEqual([one, two, three]);
  await end(two);
  expect(open.list()).toEqual([one, three]);
  await end(one);
  const four = await ask().then(() => open.list().find((res) => res !== three));
  expect(open.size).toBe(2);
  await end(three);
  expect(open.list()).toEqual([four]);
  await end(four!);
  expect([open.size, open.list()]).toEqual([0, []]);
});
