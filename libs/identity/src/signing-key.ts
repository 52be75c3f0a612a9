import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  sign,
  verify,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { AppError } from '@entrepot/errors/app-error';

/** Signature algorithms of tokens, RFC 7518 and RFC 8037. RS256 is for verifiers that know nothing newer. */
export const signatureAlgorithms = ['EdDSA', 'ES256', 'RS256'] as const;

/** One of {@link signatureAlgorithms}. */
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

/** The half of a key that verifiers hold. */
export interface VerificationKey {
  /** RFC 7638 thumbprint of the public key: the `kid` of tokens. */
  readonly id: string;
  readonly algorithm: SignatureAlgorithm;
  readonly publicKey: KeyObject;
}

/** A whole key. */
export interface SigningKey extends VerificationKey {
  readonly privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);

// the members that RFC 7638 §3.2 and RFC 8037 §2 put into the thumbprint, in their order
const thumbprintMembers: Record<SignatureAlgorithm, readonly (keyof JsonWebKey)[]> = {
  EdDSA: ['crv', 'kty', 'x'],
  ES256: ['crv', 'kty', 'x', 'y'],
  RS256: ['e', 'kty', 'n'],
};

/** Makes a new key: Ed25519, P-256 or RSA with 2048 bits. */
export async function generateSigningKey(algorithm: SignatureAlgorithm): Promise<SigningKey> {
  const { privateKey } = await generatePair(algorithm);
  return withPrivateKey(algorithm, privateKey);
}

/** A key from the PEM text that {@link exportPrivateKey} wrote. */
export function importPrivateKey(algorithm: SignatureAlgorithm, pem: string): SigningKey {
  return withPrivateKey(algorithm, createPrivateKey(pem));
}

/** PKCS #8 in PEM. It goes through SecretBox before it is stored. */
export function exportPrivateKey(key: SigningKey): string {
  return key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The public half from its JWK. `INTERNAL` when the JWK is none of this algorithm. */
export function importPublicKey(algorithm: SignatureAlgorithm, jwk: JsonWebKey): VerificationKey {
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  const expected = { EdDSA: 'ed25519', ES256: 'ec', RS256: 'rsa' }[algorithm];
  if (publicKey.asymmetricKeyType !== expected) {
    throw new AppError(
      'INTERNAL',
      `a stored public key is not of the algorithm ${algorithm} that its row names`,
    );
  }
  return { id: thumbprint(algorithm, publicKey), algorithm, publicKey };
}

/** The public half as a JWK (RFC 7517) with `kid`, `alg` and `use`, for the JWKS document. */
export function exportPublicJwk(key: VerificationKey): JsonWebKey {
  return { ...key.publicKey.export({ format: 'jwk' }), kid: key.id, alg: key.algorithm, use: 'sig' };
}

/** The JWS signature of `input` (RFC 7515 §5.1, JWA form: ES256 is r and s, not DER). */
export function signBytes(key: SigningKey, input: Buffer): Buffer {
  if (key.algorithm === 'ES256')
    return sign('sha256', input, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return sign(key.algorithm === 'EdDSA' ? undefined : 'sha256', input, key.privateKey);
}

/** Whether `signature` is that of `input`, by the key's own algorithm. */
export function verifyBytes(key: VerificationKey, input: Buffer, signature: Buffer): boolean {
  if (key.algorithm === 'ES256') {
    return verify('sha256', input, { key: key.publicKey, dsaEncoding: 'ieee-p1363' }, signature);
  }
  return verify(key.algorithm === 'EdDSA' ? undefined : 'sha256', input, key.publicKey, signature);
}

async function generatePair(algorithm: SignatureAlgorithm): Promise<{ privateKey: KeyObject }> {
  switch (algorithm) {
    case 'EdDSA':
      return await generate('ed25519');
    case 'ES256':
      return await generate('ec', { namedCurve: 'P-256' });
    case 'RS256':
      return await generate('rsa', { modulusLength: 2048 });
  }
}

function withPrivateKey(algorithm: SignatureAlgorithm, privateKey: KeyObject): SigningKey {
  const publicKey = createPublicKey(privateKey);
  return { id: thumbprint(algorithm, publicKey), algorithm, publicKey, privateKey };
}

function thumbprint(algorithm: SignatureAlgorithm, publicKey: KeyObject): string {
  const jwk = publicKey.export({ format: 'jwk' });
  const members = thumbprintMembers[algorithm].map((name) => [name, jwk[name]]);
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest('base64url');
}
