import { createHash, randomUUID } from 'node:crypto';
import { expectAnswer } from './expect-answer.ts';
import { mediaTypes, type ManifestPushPlan } from './plan.ts';
import type { Operation } from './run-plan.ts';

/** Pushes manifests that differ in an annotation, each under a tag. */
export function manifestPusher(plan: ManifestPushPlan): Operation {
  const run = randomUUID();
  return async (connection, index) => {
    const image = plan.images[index % plan.images.length];
    if (image === undefined) throw new Error('a plan without images');
    const body = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: image.config,
        layers: image.layers,
        annotations: {
          'org.opencontainers.image.created': '2026-01-01T00:00:00Z',
          'org.opencontainers.image.revision': `${run}-${String(index).padStart(9, '0')}`,
        },
      }),
    );
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    const tag = `${plan.tagPrefix}${String(index % (plan.tags ?? Infinity)).padStart(6, '0')}`;
    const path = `/v2/${image.name}/manifests/${tag}`;
    const head =
      `PUT ${path} HTTP/1.1\r\nHost: 127.0.0.1:${plan.port}\r\nUser-Agent: bench\r\n` +
      `Authorization: Bearer ${image.token}\r\nContent-Type: ${mediaTypes.manifest}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n`;
    const answer = await connection.request(head + body.toString('latin1'), false);
    expectAnswer(`PUT ${path}`, answer, 201);
    return { repository: image.name, digest, size: body.length, tag };
  };
}
