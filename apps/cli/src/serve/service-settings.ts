import { AppError } from '@entrepot/errors/app-error';
import { environmentName, type Config } from '../config/config.ts';
import { outsideDatabase, type OutsideDatabase } from './open-database.ts';

/** What every process of an installation must be told alike, since nothing of it lies in a data directory. */
export interface ServiceSettings {
  readonly where: OutsideDatabase;
  readonly secretKey: string;
}

const reasons = {
  databaseUrl: 'names the PostgreSQL that all processes share',
  secretKey: 'is the key that all processes share: make it once with openssl rand -base64 32',
  storageDirectory: 'names the directory of the blobs, which all processes share',
} as const;

/** The settings that one app alone needs. Throws `CONFIG_INVALID` with all that are missing, a line each. */
export function requireServiceSettings(config: Config): ServiceSettings {
  const where = outsideDatabase(config);
  const { secretKey } = config;
  const missing: (keyof typeof reasons)[] = [];
  if (where === undefined) missing.push('databaseUrl');
  if (secretKey === undefined) missing.push('secretKey');
  if (config.storageDriver === 'filesystem' && config.storageDirectory === undefined)
    missing.push('storageDirectory');
  if (where !== undefined && secretKey !== undefined && missing.length === 0) return { where, secretKey };
  const lines = missing.map((member) => `  ${environmentName(member)} ${reasons[member]}`);
  throw new AppError('CONFIG_INVALID', `one app by itself needs these settings:\n${lines.join('\n')}`);
}
