import { makeBucket, type ObjectServer } from '@entrepot/storage/testing/object-server';
import { startVersitygw, versitygwPrograms } from '@entrepot/storage/testing/versitygw';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingPrograms, titleOf } from '../programs.ts';
import { Pusher } from '../pusher.ts';
import { describeReplicas } from './replica-suite.ts';
import { missingServicePrograms, startServices, type Services } from './services.ts';

const missing = [...missingServicePrograms(), ...missingPrograms(versitygwPrograms)];

describe.skipIf(missing.length > 0)(titleOf('services with blobs in S3', missing), () => {
  let server: ObjectServer;
  let services: Services;

  beforeAll(async () => {
    server = await startVersitygw();
    const { bucket } = await makeBucket(server);
    services = await startServices({
      ENTREPOT_DRAIN_SECONDS: '0',
      ENTREPOT_STORAGE_DRIVER: 's3',
      ENTREPOT_STORAGE_S3_BUCKET: bucket,
      ENTREPOT_STORAGE_S3_ENDPOINT: server.endpoint,
      ENTREPOT_STORAGE_S3_ACCESS_KEY_ID: server.credentials.accessKeyId,
      ENTREPOT_STORAGE_S3_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    });
    await services.createProject('team');
  });
  afterAll(async () => {
    await services?.remove();
    await server?.stop();
  });

  describeReplicas(() => services);

  test('a storage that is away makes the registries not ready, and core says so', async () => {
    await server.stop();
    expect(await services.readiness('registry-1')).toMatchObject({ code: 503, unwell: ['storage'] });
    expect(await services.readiness('core-1')).toEqual({
      code: 200,
      status: 'degraded',
      unwell: ['storage'],
    });
    // what is no blob is answered as ever
    expect(await new Pusher(services, 'team/app').listTags()).toContain('r0');
  });
});
