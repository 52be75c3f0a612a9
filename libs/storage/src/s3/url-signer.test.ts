import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createClient } from './s3-client.ts';
import type { S3Options } from './s3-options.ts';
import { UrlSigner } from './url-signer.ts';

const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const now = new Date('2026-03-01T12:34:56Z');
const key = 'docker/registry/v2/blobs/sha256/ab/abcd/data';

/** What the SDK signs, with the parameters that ours has. */
async function signedBySdk(client: S3Client, prefix: string): Promise<URL> {
  const command = new GetObjectCommand({ Bucket: 'bucket', Key: prefix + key });
  client.middlewareStack.remove('addXId');
  client.middlewareStack.add(
    (next) => async (call) => {
      const { query } = (call as unknown as { request: { query: Record<string, string> } }).request;
      delete query['x-id'];
      return next(call);
    },
    { step: 'build', priority: 'low' },
  );
  return new URL(await getSignedUrl(client, command, { expiresIn: 1200, signingDate: now }));
}

describe('signed URLs', () => {
  afterEach(() => void vi.useRealTimers());

  const options: S3Options = { bucket: 'bucket', region: 'eu-central-1', credentials };
  it.each([
    ['of Amazon', options, ''],
    ['below a prefix', options, 'registry/blobs/'],
    ['of another server', { ...options, endpoint: 'https://s3.example.com' }, ''],
    ['with the bucket in the path', { ...options, endpoint: 'http://127.0.0.1:9000', pathStyle: true }, 'a/'],
    [
      'with a session token',
      { ...options, credentials: { ...credentials, sessionToken: 'Fwo+GZ/XIv=' } },
      '',
    ],
  ])('are those of the SDK: %s', async (_, each, prefix) => {
    const client = createClient(each, 'WHEN_REQUIRED');
    const signer = new UrlSigner(client, { Bucket: 'bucket', Key: prefix });
    const ours = new URL(await signer.sign(key, 1200, now));
    const theirs = await signedBySdk(client, prefix);
    expect(ours.origin + ours.pathname).toBe(theirs.origin + theirs.pathname);
    expect(Object.fromEntries(ours.searchParams)).toEqual(Object.fromEntries(theirs.searchParams));
  });

  it('have another key on another day', async () => {
    const client = createClient(options, 'WHEN_SUPPORTED');
    const signer = new UrlSigner(client, { Bucket: 'bucket', Key: '' });
    const today = await signer.sign(key, 60, now);
    expect(await signer.sign(key, 60, new Date('2026-03-02T12:34:56Z'))).not.toBe(today);
    expect(await signer.sign(key, 60, now)).toBe(today);
  });
});
