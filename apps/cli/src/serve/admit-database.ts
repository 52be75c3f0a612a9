import { refuseSecretKey } from '@entrepot/access/bootstrap';
import type { KnownInstance } from '@entrepot/database/database-content';
import { SecretBox } from '@entrepot/identity/secret-box';
import type { Config } from '../config/config.ts';
import { findSecretKey, secretKeySource } from './secret-key.ts';
import { compareIdentities, type Identities } from './storage-identity.ts';

/** What a database is held against. */
export interface AdmitOptions extends Pick<Identities, 'found' | 'place'> {
  readonly config: Pick<Config, 'secretKey'>;
  /** May be missing. */
  readonly dataDir: string;
}

/**
 * Makes sure that a database belongs to the storage and the secret key of the settings, before anything is made or
 * migrated: a start that is refused leaves nothing behind. `known` is undefined for a database that is new. Throws
 * `CONFIG_INVALID`.
 */
export async function admitDatabase(options: AdmitOptions, known: KnownInstance | undefined): Promise<void> {
  const { config, dataDir, found, place } = options;
  compareIdentities({ found, known, place });
  if (known?.secretKeyCheck === undefined) return;
  const key = await findSecretKey(dataDir, config.secretKey);
  if (key === undefined || new SecretBox(key).checkValue() !== known.secretKeyCheck)
    throw refuseSecretKey(secretKeySource(dataDir, config.secretKey));
}
