import { createHash, randomUUID } from 'node:crypto';
import { expectAnswer } from './expect-answer.ts';
import { mediaTypes, type ManifestPushPlan } from './plan.ts';
import type { Operation } from './run-plan.ts';

/** Pushes manifests that differ in an annotation, each under a tag of its own. */
export function manifestPusher(plan: ManifestPushPlan): Operation {
  const run = randomUUID();
  return async (connection, index) => {
    const repository = plan.repositories[index % plan.repositories.length];
    if (repository === undefined) throw new Error('a plan without repositories');
    const body = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: plan.config,
        layers: plan.layers,
        annotations: {
          'org.opencontainers.image.created': '2026-01-01T00:00:00Z',
          'org.opencontainers.image.revision': `${run}-${String(index).padStart(9, '0')}`,
        },
      }),
    );
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    const tag = `${plan.tagPrefix}${String(index).padStart(6, '0')}`;
    const path = `/v2/${repository.name}/manifests/${tag}`;
    const head =
      `PUT ${path} HTTP/1.1\r\nHost: 127.0.0.1:${plan.port}\r\nUser-Agent: bench\r\n` +
      `Authorization: Bearer ${repository.token}\r\nContent-Type: ${mediaTypes.manifest}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n`;
    const answer = await connection.request(head + body.toString('latin1'), false);
    expectAnswer(`PUT ${path}`, answer, 201);
    return { repository: repository.name, digest, size: body.length, tag };
  };
}
