import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { digestOfHash } from '@entrepot/oci/digest';
import { MemoryDriver } from '@entrepot/storage/memory/memory-driver';
import type { BlobWriter } from './blob-writer.ts';
import { ContentStore } from './content-store.ts';
import { gatedDriver } from './testing/gated-driver.ts';
import { receiveBody, type BodyLimits } from './receive-body.ts';

const limits: BodyLimits = { idleMs: 60_000, minBytesPerSecond: 1024 };
const mebibyte = 1024 * 1024;

function openWriter(driver = new MemoryDriver()): Promise<BlobWriter> {
  return new ContentStore(driver).openUpload('upload', 1, { algorithm: 'sha256' });
}

/** What `work` rejects with. */
function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'resolved',
    (error: unknown) => error,
  );
}

describe('receiving a body over HTTP', () => {
  let server: Server;
  let writer: BlobWriter;
  let outcome: Promise<unknown>;
  let bodyLimits: BodyLimits;
  let received: (body: IncomingMessage) => void;

  beforeEach(async () => {
    writer = await openWriter();
    bodyLimits = limits;
    outcome = new Promise((resolve) => {
      received = (body) => void receiveBody(body, writer, bodyLimits).then(resolve, resolve);
    });
    server = createServer((body, response) => {
      received(body);
      void outcome.then(() => response.end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  function send(headers: Record<string, string> = {}) {
    const { port } = server.address() as AddressInfo;
    const client = request({ host: '127.0.0.1', port, method: 'PATCH', headers });
    client.on('error', () => undefined);
    return client;
  }

  it('takes a large body whole', async () => {
    const bytes = randomBytes(20 * mebibyte);
    send().end(bytes);
    expect(await outcome).toBe(bytes.length);
    expect(await writer.digest('sha256')).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  });

  it('takes an empty body', async () => {
    send({ 'content-length': '0' }).end();
    expect(await outcome).toBe(0);
  });

  it('keeps what arrived when the client goes away', async () => {
    const client = send({ 'content-length': '1000000' });
    client.write(Buffer.alloc(300_000));
    await vi.waitUntil(() => writer.size === 300_000);
    client.destroy();
    expect(await outcome).toMatchObject({ code: 'BODY_ABORTED' });
    expect(await writer.flush()).toMatchObject({ size: 300_000 });
  });

  it('refuses a body that is larger than allowed, before it has it all', async () => {
    bodyLimits = { ...limits, maxBytes: 100_000 };
    const client = send();
    client.write(Buffer.alloc(5 * mebibyte));
    expect(await outcome).toMatchObject({ code: 'TOO_LARGE' });
    expect(writer.size).toBeLessThanOrEqual(100_000);
  });

  it.each([
    [999, 'more than'],
    [1001, 'less than'],
  ])('refuses a body of 1000 bytes of which %i were announced', async (expectedBytes, relation) => {
    bodyLimits = { ...limits, expectedBytes };
    send().end(Buffer.alloc(1000));
    const error = await outcome;
    expect(error).toMatchObject({ code: 'SIZE_INVALID' });
    expect(String(error)).toContain(relation);
  });
});

describe('receiving a body', () => {
  afterEach(() => void vi.useRealTimers());

  it('holds the client back while the storage is behind', async () => {
    const { driver, open } = gatedDriver();
    const writer = await openWriter(driver);
    const source = new PassThrough();
    const receiving = receiveBody(source, writer, limits);
    for (let sent = 0; sent < 10; sent += 1) source.write(Buffer.alloc(mebibyte / 2));
    await setTimeout(20);
    expect(source.isPaused()).toBe(true);
    expect(writer.size).toBeLessThan(3 * mebibyte);
    open();
    source.end();
    expect(await receiving).toBe(5 * mebibyte);
  });

  it('keeps what arrived when the client goes away while it is held back, and lets nothing more through', async () => {
    const { driver, open } = gatedDriver();
    const writer = await openWriter(driver);
    const source = new PassThrough();
    const outcome = failure(receiveBody(source, writer, limits));
    const bytes = randomBytes(5 * mebibyte);
    for (let at = 0; at < bytes.length; at += 65_536) source.write(bytes.subarray(at, at + 65_536));
    await vi.waitUntil(() => source.isPaused());
    source.destroy();
    expect(await outcome).toMatchObject({ code: 'BODY_ABORTED' });
    const size = writer.size;
    open();
    expect(await writer.flush()).toMatchObject({ size });
    expect(source.isPaused()).toBe(true);
    const hash = createHash('sha256').update(bytes.subarray(0, size)).digest('hex');
    expect(await writer.publish(digestOfHash('sha256', hash))).toBe('created');
    const store = new ContentStore(driver);
    const stored = await store.readWhole(digestOfHash('sha256', hash), bytes.length);
    expect(stored?.equals(bytes.subarray(0, size))).toBe(true);
  });

  it('rejects with what the storage says', async () => {
    const writer = await openWriter(new MemoryDriver({ maxBytes: mebibyte }));
    const source = new PassThrough();
    const outcome = failure(receiveBody(source, writer, limits));
    for (let sent = 0; sent < 16; sent += 1) source.write(Buffer.alloc(mebibyte / 2));
    expect(await outcome).toMatchObject({ code: 'STORAGE_FULL' });
    expect(source.listenerCount('data')).toBe(0);
  });

  it('rejects at once when the client is gone already', async () => {
    const source = new PassThrough();
    source.destroy();
    await expect(receiveBody(source, await openWriter(), limits)).rejects.toMatchObject({
      code: 'BODY_ABORTED',
    });
  });

  it('gives up a client that sends nothing for a minute', async () => {
    vi.useFakeTimers();
    const source = new PassThrough();
    const outcome = failure(receiveBody(source, await openWriter(), limits));
    await vi.advanceTimersByTimeAsync(75_000);
    expect(await outcome).toMatchObject({
      code: 'BODY_ABORTED',
      message: expect.stringContaining('sent nothing for 60 s'),
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives up a client that sends less than 1 KiB a second over a minute', async () => {
    vi.useFakeTimers();
    const source = new PassThrough();
    const outcome = failure(receiveBody(source, await openWriter(), limits));
    for (let second = 0; second < 60; second += 1) {
      source.write(Buffer.alloc(1000));
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(await outcome).toMatchObject({
      code: 'BODY_ABORTED',
      message: expect.stringContaining('in a minute, less than'),
    });
  });

  it('has patience with a client that waits for the storage', async () => {
    vi.useFakeTimers();
    const { driver, open } = gatedDriver();
    const source = new PassThrough();
    const receiving = receiveBody(source, await openWriter(driver), limits);
    for (let sent = 0; sent < 10; sent += 1) source.write(Buffer.alloc(mebibyte / 2));
    await vi.advanceTimersByTimeAsync(600_000);
    open();
    source.end();
    await vi.advanceTimersByTimeAsync(1);
    expect(await receiving).toBe(5 * mebibyte);
  });

  it('has patience with a client that sends a little more than that', async () => {
    vi.useFakeTimers();
    const source = new PassThrough();
    const receiving = receiveBody(source, await openWriter(), limits);
    for (let second = 0; second < 200; second += 1) {
      source.write(Buffer.alloc(1100));
      await vi.advanceTimersByTimeAsync(1000);
    }
    source.end();
    await vi.advanceTimersByTimeAsync(1);
    expect(await receiving).toBe(200 * 1100);
    expect(vi.getTimerCount()).toBe(0);
  });
});
