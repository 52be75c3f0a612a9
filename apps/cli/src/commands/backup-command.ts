import { resolve } from 'node:path';
import { createBackup, type BackupReport } from '@entrepot/backup/create-backup';
import type { Config } from '../config/config.ts';
import { createOutput } from '../serve/process-log.ts';
import { loadSecretKey } from '../serve/secret-key.ts';
import { version } from '../version.ts';
import { withContent } from './with-content.ts';

/** What the command line says of a backup. */
export interface BackupArguments {
  readonly to: string;
  /** Backups of the database that stay. */
  readonly keep: number;
  readonly withBlobs: boolean;
}

/** Backs up the database and the blobs, whether the server runs or not. Returns 3 when blobs are not in the storage. */
export async function backupCommand(config: Config, args: BackupArguments): Promise<number> {
  const output = createOutput({ ...config, logLevel: 'warn' });
  const report = await withContent(config, output, async ({ database, store, place }) => {
    const files = store.driver.name === 'filesystem' ? place : undefined;
    return await createBackup({
      connection: database.connection,
      to: args.to,
      keep: args.keep,
      product: version,
      ...(args.withBlobs ? { blobs: { store, files } } : {}),
      ...(config.secretKey === undefined
        ? { secretKey: await loadSecretKey(resolve(config.data), undefined) }
        : {}),
    });
  });
  output.say(describe(report, args));
  return (report.blobs?.missing ?? 0) === 0 ? 0 : 3;
}

function describe({ generation, manifest, blobs, pruned }: BackupReport, { to }: BackupArguments): string {
  const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0);
  const bytes = manifest.tables.reduce((sum, table) => sum + table.file.bytes, 0);
  const lines = [
    `${generation} in ${resolve(to)} is complete.`,
    `Database: ${rows} rows of ${manifest.tables.length} tables, ${bytes} bytes.`,
  ];
  if (blobs === undefined) lines.push('Blobs: none, as you said. Keep the storage safe by other means.');
  else {
    const { count, copied, copiedBytes, missing } = blobs;
    lines.push(
      `Blobs: ${count} (${blobs.bytes} bytes), ${copied} of them (${copiedBytes} bytes) copied now.`,
    );
    if (missing > 0) lines.push(`${missing} blobs are not in the storage as they should: entrepot verify`);
  }
  lines.push(
    manifest.secretKey.file === undefined
      ? 'The secret key is not part of it: keep ENTREPOT_SECRET_KEY, without it the secrets cannot be opened.'
      : 'The secret key is part of it: keep the directory as private as the data directory.',
  );
  if (pruned.generations > 0 || pruned.blobs > 0) {
    lines.push(`Removed: ${pruned.generations} older or unfinished backups, ${pruned.blobs} blobs.`);
  }
  return `${lines.join('\n')}\n`;
}
