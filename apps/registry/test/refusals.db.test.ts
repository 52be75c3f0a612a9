import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type RunningRegistry } from './registry-harness.ts';
import { SlowRequest } from './slow-request.ts';

describe('refusals', () => {
  let registry: RunningRegistry;

  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.close());

  function aPut(length: number): { put: SlowRequest; isAnswered: () => boolean } {
    const put = new SlowRequest(registry.url, 'PUT', '/v2/team/app/manifests/v1', {
      'Content-Length': length,
    });
    let answered = false;
    const note = (): void => {
      answered = true;
    };
    put.answer.then(note, note);
    return { put, isAnswered: () => answered };
  }

  it('come after a small body, since some clients look at no answer before they have sent it', async () => {
    const { put, isAnswered } = aPut(400);
    await put.write('x'.repeat(100));
    await sleep(200);
    expect(isAnswered()).toBe(false);
    await put.write('x'.repeat(300));
    expect((await put.answer).status).toBe(401);
  });

  it('do not wait for ever for a small body', async () => {
    const { put } = aPut(400);
    expect((await put.answer).status).toBe(401);
    put.vanish();
  });

  it('come at once before a large body, and end its connection', async () => {
    const { put } = aPut(10_000_000);
    const { status, headers } = await put.answer;
    expect(status).toBe(401);
    expect(headers.connection).toBe('close');
    put.vanish();
  });

  it('reach a client that looks at no answer before it has sent a part of a large body', async () => {
    const socket = connect(Number(new URL(registry.url).port), '127.0.0.1');
    socket.write(
      'PATCH /v2/team/app/blobs/uploads/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n',
    );
    for (let sent = 0; sent < 64; sent += 1) await writePiece(socket);
    expect(await readAnswer(socket)).toMatch(/^HTTP\/1.1 401 [^]*"errors"/);
  });
});

const piece = Buffer.alloc(256 * 1024);

function writePiece(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

function readAnswer(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.setEncoding('latin1').once('data', (text: string) => {
      socket.destroy();
      resolve(text);
    });
    socket.once('error', reject);
  });
}
