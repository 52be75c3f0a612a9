import { createHmac, createSecretKey, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { DigestAlgorithm } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';

/** Who opened the upload: `user` and `robot` with their id, `anonymous` with 0. */
export interface UploadOwner {
  readonly kind: 'user' | 'robot' | 'anonymous';
  readonly id: number;
}

/** What an upload id says: nothing of it is in the database until the first byte arrives. */
export interface UploadTicket {
  /** Names the upload in the database and on the storage. */
  readonly uuid: string;
  readonly owner: UploadOwner;
  readonly algorithm: DigestAlgorithm;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

const kinds = ['user', 'robot', 'anonymous'] as const;
const algorithms: readonly DigestAlgorithm[] = ['sha256', 'sha512'];
const bodyLength = 16 + 1 + 6 + 5;
const macLength = 16;
const life = 24 * 3600 * 1000;

/**
 * Makes and reads upload ids: random, owner, expiry and a MAC over them and the repository, with the key that all
 * replicas share. So any replica takes the id, POST writes nothing, and the URL alone opens nothing.
 */
export class UploadIds {
  readonly #key: KeyObject;

  /** @param key 32 secret bytes, the same in every replica */
  constructor(key: Buffer) {
    this.#key = createSecretKey(key);
  }

  /** A new id, characters of base64url so that it stands in a path as it is, and what it says. */
  issue(
    repository: RepositoryName,
    owner: UploadOwner,
    algorithm: DigestAlgorithm,
  ): { readonly id: string; readonly ticket: UploadTicket } {
    const body = Buffer.alloc(bodyLength);
    randomBytes(16).copy(body);
    body.writeUInt8(kinds.indexOf(owner.kind) * 16 + algorithms.indexOf(algorithm), 16);
    body.writeUIntBE(owner.id, 17, 6);
    const expiresAt = Math.floor((Date.now() + life) / 1000) * 1000;
    body.writeUIntBE(expiresAt / 1000, 23, 5);
    const id = Buffer.concat([body, this.#mac(body, repository)]).toString('base64url');
    return { id, ticket: { uuid: uuidOf(body), owner, algorithm, expiresAt } };
  }

  /** What `id` says; `undefined` for one that is forged, of another repository, or expired. */
  find(id: string, repository: RepositoryName): UploadTicket | undefined {
    const bytes = Buffer.from(id, 'base64url');
    if (bytes.length !== bodyLength + macLength) return undefined;
    const body = bytes.subarray(0, bodyLength);
    if (!timingSafeEqual(bytes.subarray(bodyLength), this.#mac(body, repository))) return undefined;
    const code = body.readUInt8(16);
    const kind = kinds[code >> 4];
    const algorithm = algorithms[code & 15];
    const expiresAt = body.readUIntBE(23, 5) * 1000;
    if (kind === undefined || algorithm === undefined || expiresAt < Date.now()) return undefined;
    return { uuid: uuidOf(body), owner: { kind, id: body.readUIntBE(17, 6) }, algorithm, expiresAt };
  }

  #mac(body: Buffer, repository: RepositoryName): Buffer {
    return createHmac('sha256', this.#key).update(body).update(repository).digest().subarray(0, macLength);
  }
}

function uuidOf(body: Buffer): string {
  const hex = body.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
