import { createServer, type Server } from 'node:net';
import { AppError } from '@entrepot/errors/app-error';
import type { Logger } from '@entrepot/telemetry/logger';

/** The settings that say where to listen. */
export interface ListenSettings {
  readonly host: string;
  readonly port: string;
}

/** Those of the port that everybody uses. */
export const publicSettings: ListenSettings = { host: 'ENTREPOT_HTTP_HOST', port: 'ENTREPOT_HTTP_PORT' };

/** Where to listen, and the settings that say so. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly settings: ListenSettings;
  /** Told what goes wrong later: a connection that could not be taken, for want of file descriptors say. */
  readonly log: Logger;
}

/**
 * Listens and returns the port. Throws `CONFIG_INVALID` with cause and fix when the address cannot be had; what goes
 * wrong after that is logged, and the server goes on.
 */
export async function listen(server: Server, options: ListenOptions): Promise<number> {
  const { host, port, settings, log } = options;
  return await new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const code = 'code' in error ? String(error.code) : '';
      const setting = isOfHost.has(code) ? settings.host : settings.port;
      const message = `cannot listen on ${host}:${port}: ${reasons[code] ?? error.message} (${setting})`;
      reject(new AppError('CONFIG_INVALID', message, { cause: error }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      server.on('error', (error) => log.error({ error, host, port }, 'connection could not be taken'));
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Proves that an address can be had, and gives it back. Throws `CONFIG_INVALID` as {@link listen} does. */
export async function probeAddress(options: ListenOptions): Promise<void> {
  const server = createServer();
  await listen(server, options);
  await new Promise((resolve) => server.close(resolve));
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there, so stop that one or choose another address',
  EACCES: 'this user may not use that port, so choose one of 1024 or above',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'this host name is not known',
  EAI_AGAIN: 'this host name is not known, or the name server does not answer',
  EINVAL: 'this is no address to listen on',
};
const isOfHost: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL']);
