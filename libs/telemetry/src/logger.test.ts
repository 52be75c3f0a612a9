import { describe, expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { runInContext, type RequestContext } from './request-context.ts';

function capture(): { lines: Record<string, unknown>[]; write(line: string): void } {
  const lines: Record<string, unknown>[] = [];
  return { lines, write: (line) => lines.push(JSON.parse(line)) };
}

describe('createLogger', () => {
  test('writes one JSON object a line with level, time, fields and message', () => {
    const destination = capture();
    createLogger({ level: 'info', destination }).info({ digest: 'sha256:ab', ms: 3 }, 'blob committed');
    expect(destination.lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        digest: 'sha256:ab',
        ms: 3,
        msg: 'blob committed',
      },
    ]);
  });

  test('writes nothing below its level', () => {
    const destination = capture();
    createLogger({ level: 'warn', destination }).info('quiet');
    expect(destination.lines).toEqual([]);
  });

  test('adds the context of the running request, also what is learnt while it runs', async () => {
    const destination = capture();
    const log = createLogger({ level: 'info', destination });
    const context: RequestContext = { requestId: 'r1' };
    await runInContext(context, async () => {
      await Promise.resolve();
      context.user = 'ann';
      log.info('inside');
    });
    log.info('outside');
    expect(destination.lines[0]).toMatchObject({ requestId: 'r1', user: 'ann', msg: 'inside' });
    expect(destination.lines[1]).not.toHaveProperty('requestId');
  });

  test.each([
    [{ authorization: 'Bearer abcdefgh' }],
    [{ headers: { 'Set-Cookie': 'sid=hush' } }],
    [{ headers: { Cookie: 'sid=hush' } }],
    [{ body: { user: { new_password: 'hush' } } }],
    [{ robots: [{ name: 'r', secret: 'hush' }] }],
    [{ answer: { access_token: 'hush', refresh_token: 'hush' } }],
    [{ config: { databaseUrl: 'postgres://u:hush@h/d', secretKey: 'hush' } }],
  ])('hides the secrets of %j', (fields) => {
    const destination = capture();
    createLogger({ level: 'info', destination }).info(fields, 'event');
    const text = JSON.stringify(destination.lines);
    expect(text).toContain('[redacted]');
    expect(text).not.toMatch(/hush|abcdefgh/);
  });

  test('hides credentials in the texts and members of errors, and keeps the stack', () => {
    const destination = capture();
    const error = Object.assign(new Error('refused: Bearer abcdefgh.ijkl at postgres://u:hush@h/d'), {
      detail: { password: 'hush' },
    });
    createLogger({ level: 'info', destination }).error({ err: error }, 'failed');
    const [line] = destination.lines;
    expect(JSON.stringify(line)).not.toMatch(/hush|abcdefgh/);
    expect(line).toMatchObject({ err: { type: 'Error', stack: expect.stringContaining('logger.test.ts') } });
  });

  test.each(['error', 'err'])(
    'writes an error in the field %s with its message, stack and cause',
    (field) => {
      const destination = capture();
      const cause = new Error('disk gone');
      createLogger({ level: 'info', destination }).warn(
        { [field]: new Error('not stored', { cause }) },
        'failed',
      );
      expect(JSON.stringify(destination.lines[0]?.[field])).toMatch(/not stored.*disk gone/);
      expect(destination.lines[0]?.[field]).toMatchObject({
        stack: expect.stringContaining('logger.test.ts'),
      });
    },
  );

  test('hides credentials in messages, and leaves the line JSON', () => {
    const destination = capture();
    const log = createLogger({ level: 'info', destination });
    log.error(new Error('at postgres://u:hush@h/d'));
    log.info({ url: 'http://a', next: 'u@b' }, 'event');
    expect(destination.lines[0]).toMatchObject({ msg: 'at postgres://u:[redacted]@h/d' });
    expect(destination.lines[1]).toMatchObject({ url: 'http://a', next: 'u@b' });
  });

  test('does not alter what it was given', () => {
    const fields = { user: { password: 'hush' } };
    createLogger({ level: 'info', destination: capture() }).info(fields, 'event');
    expect(fields.user.password).toBe('hush');
  });
});
