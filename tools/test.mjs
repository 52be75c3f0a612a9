// npm test: every suite, from a bare checkout.
import { spawnSync } from 'node:child_process';
import { BootstrapError, prepare } from './bootstrap.mjs';

try {
  const node = await prepare();
  const { status } = spawnSync(node, ['tools/run-tests.ts', ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(error instanceof BootstrapError ? error.message : error);
  console.log('0 passed, 1 failed, 0 skipped');
  process.exitCode = 1;
}
