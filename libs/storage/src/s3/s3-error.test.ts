import { describe, expect, it } from 'vitest';
import { s3Error } from './s3-error.ts';

function answered(name: string, status: number, more: object = {}): Error {
  return Object.assign(new Error('as the server says it'), {
    name,
    $metadata: { httpStatusCode: status },
    ...more,
  });
}

describe('errors of S3', () => {
  it.each([
    ['NoSuchBucket', 404, 'there is no such bucket'],
    ['InvalidAccessKeyId', 403, 'does not know the access key'],
    ['SignatureDoesNotMatch', 403, 'the secret key is not that'],
    ['AccessDenied', 403, 'lack the right'],
    ['Unknown', 403, 'AccessDenied'],
    ['AuthorizationHeaderMalformed', 400, 'the region is not that of the bucket'],
    ['RequestTimeTooSkewed', 403, 'clocks'],
    ['SomethingNew', 400, 'as the server says it'],
  ])('names the object, what %s (%i) means and how to mend it', (name, status, words) => {
    const error = s3Error(answered(name, status), 'write', 's3://bucket/a');
    expect(error).toMatchObject({ code: 'STORAGE_FAILED', retryAfter: undefined });
    expect(error.message).toMatch(/^cannot write s3:\/\/bucket\/a: /);
    expect(error.message).toContain(words);
  });

  it.each([
    ['QuotaExceeded', 403],
    ['InsufficientStorage', 507],
    ['XMinioStorageFull', 507],
  ])('says that there is no room: %s', (name, status) => {
    expect(s3Error(answered(name, status), 'write', 's3://b/a')).toMatchObject({ code: 'STORAGE_FULL' });
  });

  it.each([
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
    answered('SlowDown', 503),
    answered('TooManyRequests', 429),
  ])('says when to try again: %s', (error) => {
    expect(s3Error(error, 'read', 's3://b/a')).toMatchObject({ code: 'STORAGE_FAILED', retryAfter: 5 });
  });

  it('keeps nothing of the request, whose URL and headers are secrets', () => {
    const request = {
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=AKIA' },
      url: 'X-Amz-Signature=1',
    };
    const error = s3Error(answered('AccessDenied', 403, { $response: request, request }), 'read', 's3://b/a');
    const { cause } = error;
    const shown = JSON.stringify([error, error.message, cause, Object.values(cause as object)]);
    expect(shown).not.toMatch(/AKIA|Signature=|AWS4/);
  });
});
