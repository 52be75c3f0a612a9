import { expectAnswer } from './expect-answer.ts';
import { mediaTypes, type ReadPlan } from './plan.ts';
import type { Operation } from './run-plan.ts';

/** Asks for targets picked at random and checks status and length of every answer. */
export function reader(plan: ReadPlan): Operation {
  const heads = plan.tokens.map(
    (token) =>
      ` HTTP/1.1\r\nHost: 127.0.0.1:${plan.port}\r\nUser-Agent: bench\r\n` +
      `Authorization: Bearer ${token}\r\nAccept: ${mediaTypes.manifest}, */*\r\n\r\n`,
  );
  return async (connection) => {
    const target = plan.targets[Math.floor(Math.random() * plan.targets.length)];
    if (target === undefined) throw new Error('a plan without targets');
    const head = `${target.method} ${target.path}${heads[target.token] ?? ''}`;
    const answer = await connection.request(head, target.method === 'HEAD');
    expectAnswer(target.path, answer, 200, target.length);
    return undefined;
  };
}
