import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';

/** Names in the tokens, which the registries are told to expect. */
export const issuer = 'bench-issuer';
export const service = 'bench-registry';

/** How a registry names the key of a token: RFC 7638, or the older form of libtrust. */
export type KeyIdForm = 'thumbprint' | 'libtrust';

/** Signs tokens (RS256) for the registries that have no token service of their own. */
export class TokenAuthority {
  /** Path of the certificate that the registries trust, in PEM. */
  readonly certificate: string;
  readonly #key: string;
  readonly #keyIds: Record<KeyIdForm, string>;

  /** Makes a key of 2048 bits and a certificate in `folder`. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.certificate = `${folder}/token.crt`;
    const arguments_ = ['req', '-x509', '-newkey', 'rsa:2048', '-sha256', '-nodes', '-days', '2'];
    const files = ['-keyout', `${folder}/token.key`, '-out', this.certificate, '-subj', '/CN=bench'];
    execFileSync('openssl', [...arguments_, ...files], { stdio: 'ignore' });
    this.#key = readFileSync(`${folder}/token.key`, 'utf8');
    const publicKey = createPublicKey(this.#key);
    this.#keyIds = { thumbprint: thumbprint(publicKey), libtrust: libtrustId(publicKey) };
  }

  /** A token for pull and push on one repository, good for a day. */
  token(repository: string, form: KeyIdForm): string {
    const now = Math.floor(Date.now() / 1000);
    const header = encode({ typ: 'JWT', alg: 'RS256', kid: this.#keyIds[form] });
    const claims = encode({
      iss: issuer,
      sub: 'bench',
      aud: service,
      iat: now,
      nbf: now - 10,
      exp: now + 86_400,
      jti: repository,
      access: [{ type: 'repository', name: repository, actions: ['pull', 'push'] }],
    });
    const signature = sign('sha256', Buffer.from(`${header}.${claims}`), this.#key);
    return `${header}.${claims}.${signature.toString('base64url')}`;
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function thumbprint(key: KeyObject): string {
  const { e, kty, n } = key.export({ format: 'jwk' });
  return createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url');
}

/** The first 240 bits of the hash of the key, in base 32, in groups of four. */
function libtrustId(key: KeyObject): string {
  const hash = createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest();
  const bits = [...hash.subarray(0, 30)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = (bits.match(/.{5}/g) ?? []).map(
    (five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[parseInt(five, 2)],
  );
  return (letters.join('').match(/.{4}/g) ?? []).join(':');
}
