// npm run check: all that needs no server, from a bare checkout.
import { spawnSync } from 'node:child_process';
import { BootstrapError, prepare } from './bootstrap.mjs';

try {
  const node = await prepare();
  const { status } = spawnSync(node, ['tools/check.ts', ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
