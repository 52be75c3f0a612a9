import { createHash, randomBytes } from 'node:crypto';
import { expectAnswer } from './expect-answer.ts';
import type { BodyWriter, HttpConnection } from './http-connection.ts';
import type { BlobPushPlan, Pushed, Repository } from './plan.ts';
import type { Operation } from './run-plan.ts';

const pieceLength = 1024 * 1024;
const ownLength = 32;

/**
 * Pushes blobs that share all but their last 32 bytes, so that the client, which works on the same cores, hashes the
 * common part once.
 */
export function blobPusher(plan: BlobPushPlan): Operation {
  const common = plan.size - ownLength;
  const piece = randomBytes(Math.min(pieceLength, common));
  const commonHash = createHash('sha256');
  for (let at = 0; at < common; at += piece.length) commonHash.update(piece.subarray(0, common - at));
  return async (connection, index) => {
    const repository = plan.repositories[index % plan.repositories.length];
    if (repository === undefined) throw new Error('a plan without repositories');
    const own = randomBytes(ownLength);
    const digest = `sha256:${commonHash.copy().update(own).digest('hex')}`;
    const body: BodyWriter = async (to) => {
      for (let at = 0; at < common; at += piece.length) await to.write(piece.subarray(0, common - at));
      await to.write(own);
    };
    return await pushBlob(connection, repository, { port: plan.port, size: plan.size, digest, body });
  };
}

async function pushBlob(
  connection: HttpConnection,
  repository: Repository,
  blob: { port: number; size: number; digest: string; body: BodyWriter },
): Promise<Pushed> {
  const { port, size, digest, body } = blob;
  const common = `Host: 127.0.0.1:${port}\r\nUser-Agent: bench\r\nAuthorization: Bearer ${repository.token}\r\n`;
  const path = `/v2/${repository.name}/blobs/uploads/`;
  const begun = await connection.request(
    `POST ${path} HTTP/1.1\r\n${common}Content-Length: 0\r\n\r\n`,
    false,
  );
  expectAnswer(`POST ${path}`, begun, 202);
  const location = /\r\nlocation: *(\S+)/i.exec(begun.head)?.[1]?.replace(/^https?:\/\/[^/]+/, '');
  if (location === undefined) throw new Error(`POST ${path}: no Location`);
  const target = `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
  const type = 'Content-Type: application/octet-stream';
  const head = `PUT ${target} HTTP/1.1\r\n${common}${type}\r\nContent-Length: ${size}\r\n\r\n`;
  const ended = await connection.request(head, false, body);
  expectAnswer(`PUT ${location}`, ended, 201);
  return { repository: repository.name, digest, size, tag: '' };
}
