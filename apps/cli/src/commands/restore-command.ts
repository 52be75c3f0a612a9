import { readFile } from 'node:fs/promises';
import { openBackup, type CheckedBackup } from '@entrepot/backup/check-backup';
import { restoreBackup, type RestoreReport } from '@entrepot/backup/restore-backup';
import { AppError } from '@entrepot/errors/app-error';
import { SecretBox } from '@entrepot/identity/secret-box';
import type { Config } from '../config/config.ts';
import { openStorage } from '../serve/open-storage.ts';
import { writePrivateFile } from '../serve/private-file.ts';
import { createOutput } from '../serve/process-log.ts';
import { secretKeyFile } from '../serve/secret-key.ts';
import { withServer } from './with-database.ts';

/** What the command line says of a restore. */
export interface RestoreArguments {
  readonly from: string;
  readonly generation: string | undefined;
  /** Restores although blobs are lost. */
  readonly acceptsLoss: boolean;
}

const mostShown = 200;

/** Restores a backup into an instance without content that no server runs on. Returns 3 when blobs were lost. */
export async function restoreCommand(config: Config, args: RestoreArguments): Promise<number> {
  const output = createOutput({ ...config, logLevel: 'warn' });
  // a wrong path is found before there is a data directory
  const backup = await openBackup(args.from, args.generation);
  const { report, place } = await withServer(config, output, async ({ connection, dataDir }) => {
    const storage = await openStorage(config, dataDir);
    await storage.store.driver.probe();
    const restored = await restoreBackup({
      backup,
      acceptsLoss: args.acceptsLoss,
      connection,
      ...storage,
      takeKey: (check, keyFile) => takeKey(config.secretKey, secretKeyFile(dataDir), { check, keyFile }),
    });
    return { report: restored, place: storage.place };
  });
  output.say(describe(backup, report, place));
  return report.blobs.lost.length === 0 ? 0 : 3;
}

/** Puts the key of the backup where the next start finds it, or compares it with the one that the setting gives. */
async function takeKey(
  given: string | undefined,
  target: string,
  { check, keyFile }: { readonly check: string; readonly keyFile: string | undefined },
): Promise<void> {
  if (given !== undefined) {
    if (new SecretBox(given).checkValue() === check) return;
    const fix = keyFile === undefined ? 'set it to that key' : 'unset it, since the backup has its key';
    throw new AppError('CONFIG_INVALID', `ENTREPOT_SECRET_KEY is not the key of this backup: ${fix}`);
  }
  if (keyFile === undefined) {
    throw new AppError(
      'CONFIG_INVALID',
      'the key of this backup is not part of it, since ENTREPOT_SECRET_KEY gave it: set that to the same key',
    );
  }
  const key = (await readFile(keyFile, 'utf8')).trim();
  if (new SecretBox(key).checkValue() !== check) {
    throw new AppError('PRECONDITION', `${keyFile} is not the key of this backup: take another generation`);
  }
  await writePrivateFile(target, `${key}\n`);
}

function describe(
  { manifest, generation }: CheckedBackup,
  { epoch, blobs, strangeTables }: RestoreReport,
  place: string,
): string {
  const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0);
  const lines = [
    `${generation} is restored: ${rows} rows; ${blobs.copied} blobs (${blobs.copiedBytes} bytes) copied to ${place}, ` +
      `${blobs.kept} were there. Epoch ${epoch}.`,
  ];
  if (blobs.lost.length > 0) {
    lines.push(`Lost (${blobs.lost.length}), the next push of each heals it:`);
    lines.push(...blobs.lost.slice(0, mostShown).map((digest) => `  ${digest}`));
  }
  if (strangeTables.length > 0) {
    lines.push(`Left out, since they are none of Entrepot's tables: ${strangeTables.join(', ')}`);
  }
  lines.push('Nothing is collected until entrepot verify --repair has looked at the storage.');
  return `${lines.join('\n')}\n`;
}
