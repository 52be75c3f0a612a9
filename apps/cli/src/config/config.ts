import { z } from 'zod';
import { checkS3Settings, s3Settings } from './s3-settings.ts';
import {
  addressList,
  baseUrl,
  choice,
  flag,
  integer,
  postgresUrl,
  readableFile,
  redisUrl,
  text,
} from './setting-kinds.ts';

/**
 * Every setting of the product, once. A member `httpPort` is read from `ENTREPOT_HTTP_PORT`; one that is marked
 * `secret` also from the file that `ENTREPOT_…_FILE` names. The descriptions are the configuration reference.
 */
export const configSchema = z
  .object({
    httpPort: integer({ min: 0, max: 65_535 })
      .default(8080)
      .describe('Port of the registry, its API and its pages. 0 takes a free one.'),
    httpHost: text()
      .default('127.0.0.1')
      .describe('Address to listen on. `0.0.0.0` lets other machines in: give them TLS.'),
    tlsCertFile: readableFile()
      .optional()
      .describe('Certificate chain in PEM, for https without a proxy in front. Read again when it changes.'),
    tlsKeyFile: readableFile()
      .optional()
      .describe('Private key of the certificate in PEM. Read again when it changes.'),
    externalUrl: baseUrl()
      .optional()
      .describe(
        'How others reach this registry, for what leaves it (webhooks, mail, redirects). Default: the address listened on.',
      ),
    trustedProxies: addressList()
      .default(['127.0.0.0/8', '::1'])
      .describe(
        'Addresses or networks of the reverse proxies in front, separated by commas: only their `X-Forwarded-*` is believed.',
      ),
    metricsAddress: text()
      .regex(/^(?:.+:\d{1,5}|off)$/, { error: 'must be host:port, such as 127.0.0.1:9464, or off' })
      .default('127.0.0.1:9464')
      .describe('Where `GET /metrics` answers, as `host:port`. `off` for nowhere.'),
    data: text()
      .default('./data')
      .describe('Data directory: database, blobs, keys. Everything that a backup must hold lies in it.'),
    databaseUrl: postgresUrl()
      .optional()
      .meta({ secret: true })
      .describe('A PostgreSQL (15 or newer) of your own, as `postgresql://…`, instead of the embedded one.'),
    databaseDirectUrl: postgresUrl()
      .optional()
      .meta({ secret: true })
      .describe(
        'The same database past its pooler, when `ENTREPOT_DATABASE_URL` names a pooler (PgBouncer, also in transaction mode): for the few connections that keep something.',
      ),
    databaseConnections: integer({ min: 4, max: 1000 })
      .default(20)
      .describe('Connections to the database for statements and transactions.'),
    redisUrl: redisUrl()
      .optional()
      .meta({ secret: true })
      .describe(
        'Redis for the queues of jobs, instead of PostgreSQL: `redis://user:password@host:6379/0`, `redis+sentinel://user:password@host:26379,host:26379/primary/0` (`?sentinelPassword=` where Sentinels have their own) or `redis+cluster://user:password@host:6379,host:6379`; `rediss…` for TLS. What it loses is found again.',
      ),
    storageDriver: choice(['filesystem', 's3']).default('filesystem').describe('Where blobs are kept.'),
    storageDirectory: text()
      .optional()
      .describe(
        'Directory of the blobs for the driver `filesystem`. Default: `storage` in the data directory.',
      ),
    storageLinkMirror: choice(['auto', 'on', 'off'])
      .default('auto')
      .describe(
        'Whether the storage also gets the files by which distribution would serve it, a few seconds after each change. `auto`: on a file system.',
      ),
    storageAccelPrefix: text()
      .regex(/^(?:\/[A-Za-z0-9._-]+)+$/, {
        error: 'must be a path such as /_blobs, without a slash at its end',
      })
      .optional()
      .describe(
        'Path under which the nginx in front serves the directory of the blobs, to requests that the registry sends there and to nobody else (`internal`): bytes then leave by sendfile. Only when every request comes through that nginx.',
      ),
    ...s3Settings,
    collectMinutes: integer({ min: 0, max: 1440 })
      .default(5)
      .describe(
        'Minutes between two runs of collection, which removes what nobody references, online. 0: only when somebody asks for a run.',
      ),
    collectReviewDelayHours: integer({ min: 0, max: 8760 })
      .default(24)
      .describe(
        'Hours that a blob in a repository is left alone after a push, or after the last manifest that used it went, before collection looks at it. Longer than any push takes.',
      ),
    collectQuarantineHours: integer({ min: 0, max: 8760 })
      .default(48)
      .describe('Hours that a blob without a repository is kept, for the push that wants it again.'),
    recycleBinDays: integer({ min: 0, max: 3650 })
      .default(7)
      .describe(
        'Days that deleted artifacts can be restored, where their project (`recycle_bin_days`) says nothing. Their blobs stay for as long.',
      ),
    secretKey: text()
      .min(32, { error: 'must have at least 32 characters: make one with openssl rand -base64 32' })
      .optional()
      .meta({ secret: true })
      .describe(
        'Encrypts secrets in the database. Made at the first start and kept in `secret-key` in the data directory unless given; without it a backup cannot be used.',
      ),
    adminPassword: text()
      .regex(/^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9]).{8,128}$/, {
        error: 'must have 8 to 128 characters with an upper case letter, a lower case letter and a digit',
      })
      .optional()
      .meta({ secret: true })
      .describe(
        'Password of the user `admin`, used at the first start only. Made and printed once unless given.',
      ),
    tokenAlgorithm: choice(['EdDSA', 'ES256', 'RS256'])
      .default('EdDSA')
      .describe('Signature of registry tokens. `RS256` for verifiers that know nothing newer.'),
    tokenSeconds: integer({ min: 60, max: 86_400 })
      .default(300)
      .describe('How long a registry token is good for. A push that began in time may end later.'),
    manifestCacheMb: integer({ min: 0, max: 16_384 })
      .default(32)
      .describe('Memory for manifests that were pulled lately, in MiB.'),
    projectByFirstPush: choice(['off', 'own-name', 'anyone'])
      .default('off')
      .describe(
        'Whether a push creates the project that it lacks: never, for people whose name it has, or for anyone who may create projects.',
      ),
    readOnly: flag().default(false).describe('Refuses every write: pulls go on.'),
    drainSeconds: integer({ min: 0, max: 300 })
      .optional()
      .describe(
        'How long requests are still taken after the readiness check has begun to fail, when stopping. Default: 0 for `serve`, 5 for `serve` of one app.',
      ),
    logLevel: choice(['trace', 'debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('How much is logged. Single pulls are logged at `debug`.'),
    logFormat: choice(['auto', 'json', 'text'])
      .default('auto')
      .describe('`json`: one object a line. `text`: for people. `auto`: text on a terminal, json elsewhere.'),
  })
  .superRefine((config, context) => {
    checkS3Settings(config, context);
    if (config.databaseDirectUrl !== undefined && config.databaseUrl === undefined) {
      const message = 'is the way past ENTREPOT_DATABASE_URL, which is missing';
      context.addIssue({ code: 'custom', path: ['databaseDirectUrl'], message });
    }
    if ((config.tlsCertFile === undefined) === (config.tlsKeyFile === undefined)) return;
    const missing = config.tlsCertFile === undefined ? 'tlsCertFile' : 'tlsKeyFile';
    context.addIssue({
      code: 'custom',
      path: [missing],
      message: 'is missing: certificate and key go together',
    });
  });

/** The settings of this process, checked. */
export type Config = z.infer<typeof configSchema>;

/** The name of a member in the environment: `httpPort` → `ENTREPOT_HTTP_PORT`. */
export function environmentName(member: string): string {
  return `ENTREPOT_${member.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Whether a setting is a secret, and so may come from a file. */
export function isSecret(schema: z.ZodType): boolean {
  return schema.meta()?.['secret'] === true;
}
