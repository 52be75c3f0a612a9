/** Names and values of PostgreSQL's own settings. */
export type ServerSettings = Readonly<Record<string, string>>;

// ERROR is left out of the log on purpose: a refused constraint is an answer here, and who asked reports it.
const defaults: ServerSettings = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '128MB',
  effective_cache_size: '1GB',
  random_page_cost: '1.1',
  jit: 'off',
  synchronous_commit: 'on',
  wal_compression: 'on',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  autovacuum_naptime: '15s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'log',
  log_checkpoints: 'off',
  log_autovacuum_min_duration: '-1',
};

/** The `-c name=value` arguments of a server whose socket lies in `socketDir`. */
export function toServerArguments(socketDir: string, overrides: ServerSettings): string[] {
  const settings = { ...defaults, unix_socket_directories: socketDir, ...overrides };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
