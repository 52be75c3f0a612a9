import { isAppError } from '@entrepot/errors/app-error';
import { parseCommandLine, usage, type Command } from './commands/command-line.ts';
import { exportLinksCommand } from './commands/export-links-command.ts';
import { migrateCommand } from './commands/migrate-command.ts';
import { rebuildCommand } from './commands/rebuild-command.ts';
import { resetPasswordCommand } from './commands/reset-password-command.ts';
import { serveCommand } from './commands/serve-command.ts';
import { verifyCommand } from './commands/verify-command.ts';
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
    case 'serve':
      return await serveCommand(loadConfig(process.env), command.app);
    case 'migrate':
      return await migrateCommand(loadConfig(process.env));
    case 'rebuild':
      return await rebuildCommand(loadConfig(process.env));
    case 'export-links':
      return await exportLinksCommand(loadConfig(process.env));
    case 'verify':
      return await verifyCommand(loadConfig(process.env), command);
    case 'reset-password':
      return await resetPasswordCommand(loadConfig(process.env), command.user);
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
