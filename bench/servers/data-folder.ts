import { chmodSync, mkdtempSync } from 'node:fs';

/** Makes a folder for the data of servers, on the disk of /var/tmp, since /tmp may be memory. */
export function makeDataFolder(): string {
  const folder = mkdtempSync('/var/tmp/entrepot-bench-');
  // PostgreSQL runs as another user when root starts it
  chmodSync(folder, 0o755);
  return folder;
}
