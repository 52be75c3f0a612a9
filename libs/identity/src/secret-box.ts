import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { AppError } from '@entrepot/errors/app-error';

const prefix = 'v1.';
const nonceBytes = 12;
const tagBytes = 16;

/** What a secret is for. Each purpose has a key of its own, so a value cannot be moved from one column to another. */
export type SecretPurpose = 'check' | 'signing-key' | 'upload-id' | 'setting';

/**
 * Encrypts secrets at rest with `ENTREPOT_SECRET_KEY`: AES-256-GCM, a key for each purpose by HKDF-SHA256.
 * Values are `v1.<base64url of nonce, ciphertext, tag>`.
 */
export class SecretBox {
  readonly #master: Buffer;
  readonly #keys = new Map<SecretPurpose, Buffer>();

  /** `secretKey` is the setting's text: 32 characters or more, of any alphabet. `CONFIG_INVALID` when shorter. */
  constructor(secretKey: string) {
    if (secretKey.length < 32) {
      throw new AppError(
        'CONFIG_INVALID',
        'ENTREPOT_SECRET_KEY is shorter than 32 characters; make one with: openssl rand -base64 32',
      );
    }
    this.#master = Buffer.from(secretKey, 'utf8');
  }

  /** The 32 bytes of the key for a purpose, for what is not encryption: MACs of upload ids, say. */
  keyFor(purpose: SecretPurpose): Buffer {
    let key = this.#keys.get(purpose);
    if (key === undefined) {
      key = Buffer.from(hkdfSync('sha256', this.#master, 'entrepot', purpose, 32));
      this.#keys.set(purpose, key);
    }
    return key;
  }

  /** Encrypts a text. */
  seal(purpose: SecretPurpose, text: string): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.keyFor(purpose), nonce);
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return prefix + sealed.toString('base64url');
  }

  /** The text that was sealed. `CONFIG_INVALID` when it was sealed with another key, or changed since. */
  open(purpose: SecretPurpose, sealed: string): string {
    const bytes = Buffer.from(sealed.slice(prefix.length), 'base64url');
    if (!sealed.startsWith(prefix) || bytes.length < nonceBytes + tagBytes) throw notOpened(purpose);
    const decipher = createDecipheriv('aes-256-gcm', this.keyFor(purpose), bytes.subarray(0, nonceBytes));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    try {
      return (
        decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
      );
    } catch (error) {
      throw notOpened(purpose, error);
    }
  }

  /** A value that tells, later, whether a key is this one, and nothing else about it. */
  checkValue(): string {
    return createHmac('sha256', this.keyFor('check')).update('entrepot').digest('base64url');
  }
}

function notOpened(purpose: SecretPurpose, cause?: unknown): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `ENTREPOT_SECRET_KEY does not open a stored secret (${purpose}); use the key that this database was made with`,
    { cause },
  );
}
