import { parseBasicCredentials } from '@entrepot/access/basic-credentials';
import type { LoginOrigin } from '@entrepot/access/authenticate';
import type { TokenCredentials, TokenRequest } from '@entrepot/access/token-service';
import { AppError } from '@entrepot/errors/app-error';
import { isStorable } from '../../http/storable-text.ts';

/** As much of a request to the token service as it reads. */
export interface TokenHttpRequest {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly from: LoginOrigin;
}

/** Reads the `GET` form (distribution's token authentication specification). */
export function readTokenGet(request: TokenHttpRequest): TokenRequest {
  const mark = request.url.indexOf('?');
  const query = readParameters(mark < 0 ? '' : request.url.slice(mark + 1));
  return {
    service: query.get('service') ?? undefined,
    scopes: query.getAll('scope'),
    credentials: readAuthorization(request.authorization) ?? { kind: 'none' },
    offline: query.get('offline_token') === 'true',
    clientId: query.get('client_id') ?? undefined,
    ...request.from,
  };
}

/**
 * Reads the `POST` form (distribution's OAuth2 specification): grants `password` and `refresh_token`. `BAD_REQUEST`
 * for another grant, or one without what it needs.
 */
export function readTokenPost(request: TokenHttpRequest, body: unknown): TokenRequest {
  const form = readParameters(Buffer.isBuffer(body) ? body.toString('utf8') : '');
  return {
    service: form.get('service') ?? undefined,
    scopes: form.getAll('scope'),
    credentials: readGrant(form),
    offline: form.get('access_type') === 'offline',
    clientId: form.get('client_id') ?? undefined,
    ...request.from,
  };
}

function readParameters(text: string): URLSearchParams {
  const parameters = new URLSearchParams(text);
  const wrong = [...parameters].find(([, value]) => !isStorable(value));
  if (wrong === undefined) return parameters;
  throw new AppError('BAD_REQUEST', `${wrong[0].slice(0, 32)}: must be text without null characters`);
}

function readGrant(form: URLSearchParams): TokenCredentials {
  const grant = form.get('grant_type') ?? '';
  if (grant === 'password') {
    return { kind: 'basic', username: required(form, 'username'), password: required(form, 'password') };
  }
  if (grant === 'refresh_token') return { kind: 'refresh', token: required(form, 'refresh_token') };
  throw new AppError(
    'BAD_REQUEST',
    `grant_type: must be password or refresh_token, not ${JSON.stringify(grant.slice(0, 32))}`,
  );
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value === null || value === '')
    throw new AppError('BAD_REQUEST', `${name}: is needed for this grant_type`);
  return value;
}

function readAuthorization(header: string | undefined): TokenCredentials | undefined {
  if (header === undefined) return undefined;
  const credentials = parseBasicCredentials(header);
  if (credentials === undefined)
    throw new AppError('UNAUTHORIZED', 'the token service takes Basic credentials');
  return { kind: 'basic', ...credentials };
}
