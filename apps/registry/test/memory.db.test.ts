import { setTimeout as sleep } from 'node:timers/promises';
import { aProject } from '@entrepot/access/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './client.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';
import { SlowRequest } from './slow-request.ts';

const name = 'memory/app';
const megabyte = 1024 * 1024;

describe('memory', () => {
  let registry: RunningRegistry;
  let authorization: string;

  beforeAll(async () => {
    registry = await startRegistry();
    await aProject(registry.test.database, { name: 'memory' });
    authorization = `Bearer ${await registry.token(admin, `repository:${name}:pull,push`)}`;
  });
  afterAll(() => registry.close());

  /** Sends the same chunk over and over, so that the client holds nothing of what it sends. */
  async function upload(chunk: Buffer, chunks: number): Promise<number> {
    const client = new Client(registry.url, authorization);
    const path = await client.open(name);
    const headers = { Authorization: authorization, 'Content-Length': chunk.length * chunks };
    const patch = new SlowRequest(registry.url, 'PATCH', path, headers);
    for (let sent = 0; sent < chunks; sent++) await patch.write(chunk);
    const { status } = await patch.end();
    await client.delete(path);
    return status;
  }

  it('does not grow with what is uploaded: 50 uploads at once, 400 MB in all', async () => {
    const chunk = Buffer.alloc(64 * 1024, 1);
    await Promise.all(Array.from({ length: 10 }, () => upload(chunk, 16)));
    const before = process.memoryUsage.rss();
    let most = 0;
    const samples = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
    const statuses = await Promise.all(Array.from({ length: 50 }, () => upload(chunk, 128)));
    await sleep(20);
    clearInterval(samples);
    expect(new Set(statuses)).toEqual(new Set([202]));
    // client and registry are one process here: sockets of both, and 48 MB of gathered chunks
    expect((most - before) / megabyte).toBeLessThan(250);
  });
});
