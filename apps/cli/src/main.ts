import { isAppError } from '@entrepot/errors/app-error';
import { backupCommand } from './commands/backup-command.ts';
import { parseCommandLine, usage, type Command, type ConfiguredCommand } from './commands/command-line.ts';
import { exportLinksCommand } from './commands/export-links-command.ts';
import { migrateCommand } from './commands/migrate-command.ts';
import { rebuildCommand } from './commands/rebuild-command.ts';
import { resetPasswordCommand } from './commands/reset-password-command.ts';
import { restoreCommand } from './commands/restore-command.ts';
import { serveCommand } from './commands/serve-command.ts';
import { verifyCommand } from './commands/verify-command.ts';
import type { Config } from './config/config.ts';
import { loadConfig } from './config/load-config.ts';
import { version } from './version.ts';

async function run(command: Command): Promise<number> {
  switch (command.name) {
    case 'help':
      process.stdout.write(usage);
      return 0;
    case 'version':
      process.stdout.write(`entrepot ${version}\n`);
      return 0;
    default:
      return await runConfigured(loadConfig(process.env), command);
  }
}

async function runConfigured(config: Config, command: ConfiguredCommand): Promise<number> {
  switch (command.name) {
    case 'serve':
      return await serveCommand(config, command.app);
    case 'migrate':
      return await migrateCommand(config);
    case 'rebuild':
      return await rebuildCommand(config);
    case 'export-links':
      return await exportLinksCommand(config);
    case 'verify':
      return await verifyCommand(config, command);
    case 'backup':
      return await backupCommand(config, command);
    case 'restore':
      return await restoreCommand(config, command);
    case 'reset-password':
      return await resetPasswordCommand(config, command.user);
  }
}

try {
  process.exit(await run(parseCommandLine(process.argv.slice(2))));
} catch (error) {
  // sysexits.h: 78 configuration, 64 usage, 70 a defect of ours
  console.error(isAppError(error) ? `entrepot: ${error.message}` : error);
  if (isAppError(error))
    process.exit(isAppError(error, 'CONFIG_INVALID') ? 78 : isAppError(error, 'BAD_REQUEST') ? 64 : 1);
  process.exit(70);
}
